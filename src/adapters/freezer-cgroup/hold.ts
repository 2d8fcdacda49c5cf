/** A freeze that stands, until it is released or its limit passes. */
import { unlinkSync } from 'node:fs';
import { crashPoint } from '../../crash-points.js';
import { yieldProcessor } from '../../native/scheduling.js';
import type { Freeze } from '../../ports/writers.js';
import {
  GUARD_ANSWER_MS,
  GUARD_GRACE_MS,
  letGoOf,
  reasonOf,
  thawInGuardsPlace,
  thawOurselves,
  type Armed,
  type Unthawed,
} from './armed.js';
import type { OpenFreezers } from './open-freezers.js';

/** Until then the snapshots want both us and the processors; what is done after it can wait so long. */
const SETTLE_MS = 1;
/** How long after a thaw in the guard's place that failed it is tried again. */
const RETRY_MS = 100;

type Release = Awaited<ReturnType<Freeze['release']>>;

/** The limit passed, and we thawed in the guard's place. */
interface Overdue {
  readonly reason: string;
  /** Where that failed. The others run, and are not thawed again: somebody else may have frozen them since (T10). */
  readonly unthawed: readonly Unthawed[];
}

export function hold(armed: Armed, startedAt: number, writtenAt: bigint): Freeze {
  let overdue: Overdue | null = null;
  let released: Promise<Release> | null = null;
  const actForGuard = (): void => {
    if (released !== null) return;
    // What the guard said while we were stopped is read before this runs.
    if (armed.guard.lost()?.kind === 'lapsed') return;
    const unthawed = thawOurselves(targetsLeft(armed, overdue));
    armed.guard.kill();
    overdue = { reason: `the limit of ${String(armed.limitMs)} ms passed, and the guard did not act`, unthawed };
    if (unthawed.length > 0) timer = setTimeout(actForGuard, RETRY_MS).unref();
  };
  let timer = setTimeout(() => {
    const overdueInMs = startedAt + armed.limitMs + GUARD_GRACE_MS - performance.now();
    timer = setTimeout(() => setImmediate(actForGuard), Math.max(0, overdueInMs)).unref();
    armed.guard.confirmWritten(writtenAt);
    armed.haste.begin();
  }, SETTLE_MS);
  return {
    frozen: armed.targets.map((target) => target.cgroup),
    release: () => {
      clearTimeout(timer);
      released ??= release(armed, startedAt, writtenAt, overdue).finally(() => {
        armed.haste.end();
      });
      return released;
    },
  };
}

/** Check and thaw are one step of ours, in which nothing waits: writers run again before anybody is asked anything. */
async function release(armed: Armed, startedAt: number, writtenAt: bigint, overdue: Overdue | null): Promise<Release> {
  const broken = overdue?.reason ?? armed.freezers.whyBroken() ?? tryLetGo(armed.freezers);
  const thawedAt = performance.now();
  // What is left is not urgent, and writers who may run again need a processor to do so: ours, too.
  armed.haste.end();
  yieldProcessor();
  const sleptMs = armed.sleep.sleptMs();
  // Everything runs again: who thawed once more could undo somebody else's freeze (T10).
  const slept = sleptMs > 0 && thawedAt - startedAt + sleptMs >= armed.limitMs;
  armed.guard.confirmWritten(writtenAt);
  const answer = await armed.guard.ask(broken === null ? 'thawed' : `void ${broken}`, GUARD_ANSWER_MS);
  const unbroken = broken === null && answer.kind === 'unbroken' && !slept;
  let reason = overdue?.reason ?? ('reason' in answer ? answer.reason : broken);
  if (slept) reason ??= `the machine slept for ${String(Math.round(sleptMs))} ms, and the limit passed`;
  let stillFrozen: string | null = null;
  if (broken !== null && answer.kind !== 'lapsed') {
    stillFrozen = thawInGuardsPlace(armed.guard, answer, targetsLeft(armed, overdue));
    if (stillFrozen !== null) reason = `${reason ?? ''}; thawing failed, run snapcommit thaw --all: ${stillFrozen}`;
  }
  const stallMs = Math.ceil((broken === null ? thawedAt : performance.now()) - startedAt + sleptMs);
  crashPoint('thaw.thawed');
  if (stillFrozen === null) forgetIntent(armed.intentFile);
  crashPoint('thaw.after-intent-removal');
  // One that does not answer must not thaw somebody else's freeze when it wakes.
  if (answer.kind === 'silent') armed.guard.kill();
  letGoOf(armed);
  return { unbroken, reason: unbroken ? null : reason, stallMs };
}

/** Which of the targets may be frozen by us. */
function targetsLeft({ targets }: Armed, overdue: Overdue | null): Armed['targets'] {
  return overdue === null ? targets : overdue.unthawed.map(({ target }) => target);
}

function tryLetGo(freezers: OpenFreezers): string | null {
  try {
    freezers.letGo();
    return null;
  } catch (error) {
    return `thawing failed at first: ${reasonOf(error)}`;
  }
}

/** Not synced: an intent that comes back after a power loss names nothing that is frozen. */
function forgetIntent(file: string): void {
  try {
    unlinkSync(file);
  } catch {
    // Removed by thaw --all, or not removable: then thaw --all reports it as not frozen.
  }
}
