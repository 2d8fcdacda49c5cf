/**
 * `snapcommit transact GROUP -- COMMAND`: run the command on writable clones that stand at the live paths, then swap
 * them in as one. A failing or refused command leaves no trace.
 */
import { crashPoint } from '../crash-points.js';
import { SnapcommitError } from '../errors.js';
import type { Consistency } from '../machine/entry.js';
import { isAtLeast } from '../machine/grade.js';
import { formatCgroupName } from '../participant/command-cgroup.js';
import type { Context } from '../participant/context.js';
import { commandLock } from '../participant/fence.js';
import { volumeVariables } from '../participant/volume-variables.js';
import type { ClonedVolume } from '../ports/participant.js';
import type { SandboxResult } from '../ports/sandbox.js';
import { assertAsPlanned, planTransaction, type Plan } from './begin.js';
import { repeat, withCoordinatorLock, type Committed } from './commit.js';
import { begin, type Begun } from './decide.js';
import type { TransactRequest } from './requests.js';
import { cloneAll, swapIn } from './swap.js';
import { giveUp } from './undo.js';

/** Everything that must hold before a transact begins; changes nothing but publishes that were decided before. */
export async function planTransact(context: Context, request: TransactRequest): Promise<Plan> {
  await assertMountable(context, request);
  const plan = await planTransaction(context, 'transact', request, null, request.command);
  assertAllHere(context, plan);
  volumeVariables(plan.members.map(({ place }) => ({ volume: place.name, path: place.source })));
  return plan;
}

/** Commits what the command changed. Rejects with COMMAND_FAILED (details.status: the command's own) when it fails. */
export async function transact(context: Context, request: TransactRequest): Promise<Committed> {
  const plan = await planTransact(context, request);
  return withCoordinatorLock(context, plan, async () => {
    const started = await begin(context, plan.begin, plan.request);
    if (started.kind === 'repeated') return repeat(context, request.group, started.generation);
    const { begun } = started;
    const consistency = await runOnClones(context, plan, begun, request);
    const record = await swapIn(context, plan, begun, { consistency, signal: request.signal });
    return { record, repeated: false };
  });
}

/** The command runs on this machine, where only this node's clones can stand. */
function assertAllHere(context: Context, plan: Plan): void {
  const { node } = context.self;
  const elsewhere = plan.members.filter(({ place }) => place.node !== node);
  if (elsewhere.length === 0) return;
  const named = elsewhere.map(({ place }) => `${place.name} (node ${place.node})`).join(', ');
  throw new SnapcommitError(
    'UNSUPPORTED',
    `a transact changes volumes of its own node only, which is ${node}; group ${plan.begin.group} also has ${named}. ` +
      'Make a group of this node’s volumes for it.',
    { group: plan.begin.group, node, volumes: elsewhere.map(({ place }) => place.name) },
  );
}

async function assertMountable(context: Context, request: TransactRequest): Promise<void> {
  if (!request.mount) return;
  const probe = await (await context.sandbox()).probe();
  if (probe.mounts !== 'no') return;
  throw new SnapcommitError(
    'UNSUPPORTED',
    `private mounts do not work here (${probe.reason ?? 'unknown'}); \`--no-mount\` passes the clones’ paths in ` +
      'SNAPCOMMIT_VOLUME_<NAME> instead.',
  );
}

async function runOnClones(context: Context, plan: Plan, begun: Begun, request: TransactRequest): Promise<Consistency> {
  try {
    await assertAsPlanned(context, plan);
    const clones = await cloneAll(context, plan, begun, request.signal);
    request.signal.throwIfAborted();
    crashPoint('command.before');
    const result = await runCommand(context, plan, begun, clones, request);
    crashPoint('command.after');
    request.signal.throwIfAborted();
    if (result.status !== 0) throw commandFailed(request, result.status);
    const consistency = consistencyOf(plan, result.cgroup !== null);
    assertGrade(plan, consistency);
    return consistency;
  } catch (error) {
    throw await giveUp(context, plan, begun, error);
  }
}

async function runCommand(
  context: Context,
  plan: Plan,
  begun: Begun,
  clones: readonly ClonedVolume[],
  request: TransactRequest,
): Promise<SandboxResult> {
  const sandbox = await context.sandbox();
  const placements = clones.map(({ volume, path }) => ({ volume, from: path, at: liveTreeOf(plan, volume) }));
  const variables = volumeVariables(
    placements.map(({ volume, from, at }) => ({ volume, path: request.mount ? at : from })),
  );
  const { group, transaction } = begun.begin;
  context.report({ kind: 'phase', phase: 'command', subject: request.command.join(' ') });
  const locks = await context.locks();
  const lock = await locks.acquire(commandLock(transaction), 'exclusive', context.settings.lockWaitMs);
  try {
    const result = await sandbox.run({
      command: request.command,
      placements: placements.map(({ from, at }) => ({ from, at })),
      mount: request.mount,
      environment: {
        ...request.environment,
        ...variables,
        SNAPCOMMIT_GROUP: group,
        SNAPCOMMIT_TRANSACTION: transaction,
      },
      workingDirectory: request.workingDirectory,
      cgroup: formatCgroupName(context, transaction),
      inheritedFds: [lock.fd],
      stdout: request.stdout,
      signal: request.signal,
    });
    if (result.cgroup !== null) await sandbox.endAll(result.cgroup);
    return result;
  } finally {
    locks.forget(commandLock(transaction));
    lock.release();
  }
}

function liveTreeOf(plan: Plan, volume: string): string {
  const member = plan.members.find(({ place }) => place.name === volume);
  if (member === undefined) throw new TypeError(`${volume} is no member of the group`);
  return member.place.source;
}

function commandFailed(request: TransactRequest, status: number): SnapcommitError {
  return new SnapcommitError(
    'COMMAND_FAILED',
    `${request.command[0] ?? 'the command'} ended with status ${String(status)}; nothing was committed and no trace is left.`,
    { status },
  );
}

function assertGrade({ require }: Plan, { grade }: Consistency): void {
  if (require === null || isAtLeast(grade, require)) return;
  throw new SnapcommitError(
    'GRADE_UNREACHABLE',
    `the command could have no cgroup of its own here, so the grade is ${grade}, and ${require} is required.`,
    { grade, require },
  );
}

/** Only the command wrote to the clones; where its cgroup was ended first, no writer ran while they were sealed. */
function consistencyOf(plan: Plan, isolated: boolean): Consistency {
  const pointInTime = plan.members.every(({ pointInTime }) => pointInTime);
  const grade = isolated ? 'barrier' : pointInTime ? 'independent' : 'fuzzy';
  return { grade, stallMs: 0, skewMs: 0, frozen: [], hosts: [] };
}
