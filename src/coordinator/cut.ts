/**
 * The cut: the moment at which all declared writers stand still, on every host, and every volume is staged. One screen, top
 * to bottom. Every host holds its freeze until all of them have staged: the proof is each one's unbroken freeze, not time.
 */
import { SnapcommitError } from '../errors.js';
import type { Consistency, Grade, ManifestVolume } from '../machine/entry.js';
import { compareText } from '../machine/record.js';
import { allDone } from '../participant/all-done.js';
import type { Context } from '../participant/context.js';
import { messageOf } from '../participant/publish.js';
import type { CutOutcome, RoundName, RoundReport } from '../ports/participant.js';
import { isAtLeast } from '../machine/grade.js';
import type { Plan, PlannedNode } from './begin.js';
import type { Begun } from './decide.js';
import { atTheEnd, hurryOnNodes, onNodes, workOf } from './nodes.js';

export interface Cut {
  readonly consistency: Consistency;
  readonly volumes: readonly ManifestVolume[];
}

/** Pre-hooks, rounds until one holds, post-hooks. Rejects when no round held or the grade falls short. */
export async function cut(context: Context, plan: Plan, begun: Begun, signal: AbortSignal): Promise<Cut> {
  let staged: Cut;
  try {
    await onNodes(context, plan, 'pre-hooks', signal, async ({ participant }) => participant.quiesce(workOf(begun)));
    staged = await runRounds(context, plan, begun, signal);
  } catch (error) {
    await resume(context, plan, begun, 'failed');
    throw error;
  }
  const hooksHeld = await resume(context, plan, begun, 'staged');
  const grade = hooksHeld ? staged.consistency.grade : weaken(staged.consistency.grade);
  if (plan.require !== null && !isAtLeast(grade, plan.require)) {
    throw new SnapcommitError('HOOK_FAILED', `a post-hook failed, so grade ${plan.require} was not reached`);
  }
  return { ...staged, consistency: { ...staged.consistency, grade } };
}

function weaken(grade: Grade): Grade {
  return grade === 'application' ? 'barrier' : grade;
}

/** Post-hooks, and units that were stopped, on every host. What fails, or cannot be asked, recovery pays; false tells of it. */
export async function resume(context: Context, plan: Plan, begun: Begun, outcome: CutOutcome): Promise<boolean> {
  const resumed = await Promise.all(
    plan.nodes.map(async ({ participant }) =>
      atTheEnd(context, participant, participant.resume(workOf(begun), outcome)).catch((error: unknown) => {
        context.report({ kind: 'warning', message: `the post-hooks may not have run: ${messageOf(error)}` });
        const { preHooks, postHooks, stopUnits } = plan.group.record;
        return preHooks.length + postHooks.length + stopUnits.length === 0;
      }),
    ),
  );
  return resumed.every(Boolean);
}

async function runRounds(context: Context, plan: Plan, begun: Begun, signal: AbortSignal): Promise<Cut> {
  for (let round = 1; ; round += 1) {
    signal.throwIfAborted();
    try {
      return await runRound(context, plan, { ...workOf(begun), round }, signal);
    } catch (error) {
      const lapsed = error instanceof SnapcommitError && error.code === 'FREEZE_LAPSED';
      if (!lapsed || round >= context.settings.roundsMax) throw error;
      context.report({ kind: 'warning', message: `${error.message}; the round is void, trying once more` });
      await Promise.all(plan.nodes.map(async (node) => discardVoid(context, node, begun, round)));
    }
  }
}

async function runRound(context: Context, plan: Plan, name: RoundName, signal: AbortSignal): Promise<Cut> {
  try {
    await hurryOnNodes(context, plan, 'prepare', signal, async ({ participant }) => participant.prepare(name));
    signal.throwIfAborted();
    await hurryOnNodes(context, plan, 'freeze', signal, async ({ participant }) => participant.freeze(name));
    const started = context.clock.monotonic();
    await hurryOnNodes(context, plan, 'stage', signal, async ({ participant }) => participant.stage(name));
    const skewMs = Math.ceil(context.clock.monotonic() - started);
    return cutOf(plan, await thawAll(plan, name), skewMs);
  } catch (error) {
    await Promise.all(plan.nodes.map(async (node) => endRound(context, node, name)));
    throw error;
  }
}

interface HostReport {
  readonly node: string;
  readonly report: RoundReport;
}

/** All are let go before anything is judged. */
async function thawAll(plan: Plan, name: RoundName): Promise<readonly HostReport[]> {
  return allDone(
    plan.nodes.map(async ({ participant }) => ({ node: participant.node, report: await participant.thaw(name) })),
  );
}

/** `skewMs`: seen from here, over all hosts; of a single one its own clock tells more exactly. */
function cutOf(plan: Plan, hosts: readonly HostReport[], skewMs: number): Cut {
  const broken = hosts.find(({ report }) => !report.unbroken);
  if (broken !== undefined) {
    throw new SnapcommitError(
      'FREEZE_LAPSED',
      `the writers on node ${broken.node} did not stand still until every volume was staged: ${broken.report.reason ?? 'unknown'}`,
      { node: broken.node, reason: broken.report.reason },
    );
  }
  const only = hosts.length === 1 ? hosts[0] : undefined;
  const consistency: Consistency = {
    grade: plan.reachable,
    stallMs: Math.max(0, ...hosts.map(({ report }) => report.stallMs)),
    skewMs: only === undefined ? skewMs : only.report.skewMs,
    frozen: hosts.flatMap(({ node, report }) => report.frozen.map((cgroup) => `${node}:${cgroup}`)),
    hosts: hosts.map(({ node, report }) => ({ node, stallMs: report.stallMs, skewMs: report.skewMs })),
  };
  const volumes = hosts.flatMap(({ report }) => report.volumes);
  return { consistency, volumes: volumes.toSorted((a, b) => compareText(a.volume, b.volume)) };
}

/** A host that cannot be asked thaws by its own guard, and ends its round when it hears of the decision. */
async function endRound(context: Context, { participant }: PlannedNode, name: RoundName): Promise<void> {
  await atTheEnd(context, participant, participant.endRound(name)).catch((error: unknown) => {
    context.report({
      kind: 'warning',
      message: `node ${participant.node} could not be told to let its writers go (${messageOf(error)}); its own guard does`,
    });
  });
}

/** A void round's snapshots are dead although the transaction is open; a late one is swept by recovery (G11, T3). */
async function discardVoid(context: Context, { participant }: PlannedNode, begun: Begun, round: number): Promise<void> {
  await atTheEnd(context, participant, participant.discard(workOf(begun), round)).catch((error: unknown) => {
    context.report({
      kind: 'warning',
      message: `a void round’s snapshot could not be deleted yet: ${messageOf(error)}`,
    });
  });
}
