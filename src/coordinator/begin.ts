/**
 * Before a transaction: read the state, refuse what cannot work, finish what is still to be published, and make the
 * `begin` entry. Nothing is changed here but publishes that were already decided.
 */
import { lookup } from '../machine/record.js';
import { createHash } from 'node:crypto';
import { SnapcommitError } from '../errors.js';
import {
  GRADES,
  type Begin,
  type Grade,
  type Member,
  type TransactionMode,
  type VolumeRecord,
} from '../machine/entry.js';
import { openTransactionOf } from '../machine/queries.js';
import type { GroupState, State } from '../machine/state.js';
import type { Context } from '../participant/context.js';
import { findExported } from '../participant/exports.js';
import { makeTransactionId } from '../participant/names.js';
import { assertStamps } from '../participant/stamps.js';
import type { RequestKey } from '../ports/log.js';
import type { VolumeDriver } from '../ports/volume-driver.js';
import type { FreezeTarget } from '../ports/writers.js';
import { finishPublishes } from './publish.js';
import type { CommitRequest } from './requests.js';

/** Recorded for nodes that cannot see whether our process lives; on this node only the kernel lock tells. */
const TRANSACTION_LIMIT_MS = 10 * 60_000;
/** A transact's command may take as long as it likes: the end of the year 9999. */
const NO_DEADLINE = 253_402_300_799_999;

export interface PlannedMember {
  readonly place: VolumeRecord;
  readonly driver: VolumeDriver;
  readonly base: string;
}

export interface Plan {
  readonly begin: Begin;
  readonly request: RequestKey | null;
  readonly group: GroupState;
  readonly members: readonly PlannedMember[];
  readonly targets: readonly FreezeTarget[];
  /** The best grade that this cut can earn. */
  readonly reachable: Grade;
  readonly require: Grade | null;
}

export async function planTransaction(
  context: Context,
  mode: TransactionMode,
  request: CommitRequest,
  sourceGeneration: number | null = null,
  extraArguments: readonly string[] = [],
): Promise<Plan> {
  const state = await readyState(context, request.group);
  const group = requireGroup(state, request.group);
  const members = await planMembers(context, state, group, mode);
  const targets = mode === 'capture' ? await resolveTargets(context, group) : [];
  const require = request.require ?? group.record.require;
  const reachable = await reachableGrade(context, group, members, targets, mode);
  // A restore earns what its source has earned: restore.ts judges it.
  if (require !== null && mode !== 'restore') assertReachable(group, reachable, require, mode);
  const now = context.clock.now();
  const begin: Begin = {
    type: 'begin',
    transaction: makeTransactionId(now, context.random.bytes(16)),
    mode,
    group: request.group,
    members: members.map((member) => memberOf(member)),
    freezeTargets: targets.map((target) => `${context.self.node}:${target.cgroup}`),
    coordinator: context.self,
    deadline: mode === 'transact' ? NO_DEADLINE : now + TRANSACTION_LIMIT_MS,
    expectGeneration: request.expectGeneration,
    sourceGeneration,
    message: request.message,
    labels: request.labels,
  };
  return { begin, request: requestKey(request, begin, extraArguments), group, members, targets, reachable, require };
}

/** The state, after checking the volumes' stamps and finishing publishes that wait for this node. */
async function readyState(context: Context, group: string): Promise<State> {
  const state = await context.log.read();
  requireGroup(state, group);
  await assertStamps(context.files, state, context.log);
  if (Object.keys(state.pending).length === 0) return state;
  await finishPublishes(context, state).catch((error: unknown) => {
    // One may go on beside an unpublished capture; begin itself refuses where a member's swap is pending (T1).
    context.report({ kind: 'warning', message: error instanceof Error ? error.message : String(error) });
  });
  return context.log.read();
}

export function requireGroup(state: State, group: string): GroupState {
  const found = lookup(state.groups, group);
  if (found !== undefined) return found;
  throw new SnapcommitError('GROUP_NOT_FOUND', `there is no group ${group}; \`snapcommit group list\` shows them.`, {
    group,
  });
}

async function planMembers(
  context: Context,
  state: State,
  group: GroupState,
  mode: TransactionMode,
): Promise<readonly PlannedMember[]> {
  const running = openTransactionOf(state, group.record.name);
  if (running !== undefined) throw busyGroup(group.record.name, running.begin);
  return Promise.all(
    group.record.volumes.map(async (name) => {
      const place = lookup(state.volumes, name)?.record;
      if (place === undefined)
        throw new SnapcommitError('VOLUME_NOT_FOUND', `there is no volume ${name}.`, { volume: name });
      if (place.node !== context.self.node) {
        throw new SnapcommitError(
          'UNSUPPORTED',
          `volume ${name} is on node ${place.node}; this node is ${context.self.node}.`,
        );
      }
      const driver = await context.driver(place.driver);
      const live = await driver.live(place);
      if (mode !== 'capture') await assertExchangeable(driver, place, live.readOnly);
      return { place, driver, base: live.id };
    }),
  );
}

function busyGroup(group: string, running: Begin): SnapcommitError {
  return new SnapcommitError(
    'BUSY',
    `group ${group} has transaction ${running.transaction} open, driven by process ` +
      `${String(running.coordinator.pid)} on ${running.coordinator.node}. Wait for it, or run \`snapcommit recover\` if it is gone.`,
    { group, transaction: running.transaction, node: running.coordinator.node, pid: running.coordinator.pid },
  );
}

async function assertExchangeable(driver: VolumeDriver, place: VolumeRecord, readOnly: boolean): Promise<void> {
  if (readOnly) throw readOnlyLive(place);
  const { exchange } = await driver.inspect(place.name, place.source, place.publishDirectory);
  if (exchange.possible) return;
  throw new SnapcommitError(
    'UNSUPPORTED',
    `volume ${place.name} can be captured but not replaced: ${exchange.reason}`,
    {
      volume: place.name,
    },
  );
}

function readOnlyLive(place: VolumeRecord): SnapcommitError {
  return new SnapcommitError(
    'VOLUME_UNAVAILABLE',
    `the live tree ${place.source} of volume ${place.name} is read-only, so it cannot be replaced. ` +
      'If an interrupted swap left it so, `snapcommit recover` makes it writable.',
    { volume: place.name, path: place.source },
  );
}

async function resolveTargets(context: Context, group: GroupState): Promise<readonly FreezeTarget[]> {
  const { freezeCgroups, freezeUnits } = group.record;
  if (freezeCgroups.length + freezeUnits.length === 0) return [];
  return (await context.writers()).resolve(freezeCgroups, freezeUnits);
}

async function reachableGrade(
  context: Context,
  group: GroupState,
  members: readonly PlannedMember[],
  targets: readonly FreezeTarget[],
  mode: TransactionMode,
): Promise<Grade> {
  const pointInTime = members.every((member) => member.driver.capabilities.pointInTime);
  const unfrozen = pointInTime ? 'independent' : 'fuzzy';
  if (mode !== 'capture') return 'barrier';
  if (targets.length === 0) return unfrozen;
  if (group.record.preHooks.length > 0) return 'application';
  const exported = await findExported(
    context.files,
    members.map((member) => member.place.source),
  );
  return exported === null ? 'barrier' : unfrozen;
}

export function isAtLeast(grade: Grade, required: Grade): boolean {
  return GRADES.indexOf(grade) >= GRADES.indexOf(required);
}

function assertReachable(group: GroupState, reachable: Grade, require: Grade, mode: TransactionMode): void {
  if (isAtLeast(reachable, require)) return;
  const name = group.record.name;
  throw new SnapcommitError(
    'GRADE_UNREACHABLE',
    `group ${name} can reach grade ${reachable} at best, and ${require} is required. ${adviceFor(reachable, mode)}`,
    { group: name, reachable, require },
  );
}

function adviceFor(reachable: Grade, mode: TransactionMode): string {
  if (mode === 'transact') return 'A transact runs no hooks: ask for `--require barrier`.';
  if (isAtLeast(reachable, 'barrier'))
    return 'Declare pre-hooks that quiesce the application (`group update --pre-hook`).';
  return (
    'Declare its writers (`group update --freeze-cgroup` or `--freeze-unit`); a filesystem that the kernel’s NFS ' +
    'server exports needs a pre-hook too.'
  );
}

function memberOf(member: PlannedMember): Member {
  return { volume: member.place.name, node: member.place.node, driver: member.place.driver, base: member.base };
}

/** `--request-id` with a digest over every argument that says what is asked for. */
function requestKey(request: CommitRequest, begin: Begin, extra: readonly string[]): RequestKey | null {
  if (request.requestId === null) return null;
  const labels = Object.entries(request.labels).sort(([a], [b]) => (a < b ? -1 : 1));
  const parts = [
    begin.mode,
    begin.group,
    begin.message,
    labels,
    request.require,
    begin.expectGeneration,
    begin.sourceGeneration,
    extra,
  ];
  return { id: request.requestId, digest: createHash('sha256').update(JSON.stringify(parts)).digest('hex') };
}
