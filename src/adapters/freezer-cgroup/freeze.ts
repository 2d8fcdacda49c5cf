/**
 * One freeze, from arming to thawing: durable intent and armed guard first, then the freezers, then the guard's word
 * that all stand still; at the end the guard's word that they did so all along.
 *
 * Whoever ends a freeze does it exactly once. When the guard has lapsed it has thawed already, and thawing again could
 * undo a freeze that somebody else has begun since (T10); when it is dead or silent, we thaw.
 */
import { randomBytes } from 'node:crypto';
import { unlinkSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { crashPoint } from '../../crash-points.js';
import { SnapcommitError } from '../../errors.js';
import { removeDurably } from '../../native/durable-file.js';
import type { ArmedFreeze, Freeze, FreezeTarget } from '../../ports/writers.js';
import { cgroupInode, freezeRequested, requestFreeze, standsStill, thaw, type CgroupTarget } from './cgroup-files.js';
import { startGuard, type Guard, type GuardAnswer } from './guard-client.js';
import { intentFile, newIntent, writeIntent } from './intent.js';
import { cgroupDirectory, findCgroupMount } from './mount.js';

const GUARD_START_MS = 20_000;
const GUARD_ANSWER_MS = 2_000;
/** The nice value of who keeps writers waiting. */
const HURRY = -20;
/** How long after the limit we act in the guard's place. */
const GUARD_GRACE_MS = 500;

interface Armed {
  readonly targets: readonly CgroupTarget[];
  readonly limitMs: number;
  readonly intentFile: string;
  readonly guard: Guard;
}

type Release = Awaited<ReturnType<Freeze['release']>>;

/** See Writers.arm. The intent is durable and the guard runs when this resolves. */
export async function armFreeze(
  stateDirectory: string,
  transaction: string,
  declared: readonly FreezeTarget[],
  limitMs: number,
): Promise<ArmedFreeze> {
  const targets = identify(declared);
  const id = `${transaction}-${randomBytes(4).toString('hex')}`;
  const file = intentFile(stateDirectory, id);
  const guard = startGuard(targets, limitMs, file);
  const persist = async (): Promise<void> => {
    crashPoint('freeze.before-intent');
    await writeIntent(stateDirectory, newIntent(id, transaction, limitMs, targets));
    crashPoint('freeze.after-intent');
  };
  const armed: Armed = { targets, limitMs, intentFile: file, guard };
  const [persisted, answer] = await Promise.allSettled([persist(), guard.ask(null, GUARD_START_MS)]);
  if (persisted.status === 'fulfilled' && answer.status === 'fulfilled' && answer.value.kind === 'armed') {
    return { freeze: () => freeze(armed), disarm: () => disarm(armed) };
  }
  await disarm(armed);
  if (persisted.status === 'rejected') {
    throw new SnapcommitError(
      'FREEZE_FAILED',
      `nothing was frozen: the intent ${file} could not be written`,
      {},
      persisted.reason,
    );
  }
  throw new SnapcommitError(
    'FREEZE_FAILED',
    'nothing was frozen: the guard that would thaw in our place did not start',
    {},
  );
}

function identify(declared: readonly FreezeTarget[]): readonly CgroupTarget[] {
  const mount = findCgroupMount();
  return declared.map(({ cgroup }) => {
    const directory = cgroupDirectory(mount, cgroup);
    const inode = cgroupInode(directory);
    if (inode !== null) return { cgroup, directory, inode };
    const message = `the freeze target "${cgroup}" is gone; start its writers, or take it out of the group`;
    throw new SnapcommitError('CGROUP_INVALID', message, { cgroup });
  });
}

async function disarm({ guard, intentFile: file }: Armed): Promise<void> {
  try {
    await removeDurably(file);
  } catch {
    // It stays behind and says that something may be frozen, which thaw --all will find to be untrue.
  }
  guard.end();
}

/** Writers stand still while we work: until they run again we go first, where we may say so. Answers how to undo it. */
function goFirst(): () => void {
  try {
    const before = getPriority();
    setPriority(HURRY);
    return () => {
      setPriority(before);
    };
  } catch {
    // An ordinary user may not: then it waits its turn.
    return () => undefined;
  }
}

async function freeze(armed: Armed): Promise<Freeze> {
  await refuseFrozen(armed);
  const timing = await armed.guard.ask('freezing', GUARD_ANSWER_MS);
  if (timing.kind !== 'timing') return fail(armed, timing);
  const calmDown = goFirst();
  const startedAt = performance.now();
  try {
    for (const [index, target] of armed.targets.entries()) {
      requestFreeze(target);
      if (index === 0) crashPoint('freeze.after-first-cgroup');
    }
  } catch (error) {
    calmDown();
    return fail(armed, { kind: 'stuck', reason: error instanceof Error ? error.message : String(error) });
  }
  const answer = await armed.guard.ask('written', armed.limitMs + GUARD_GRACE_MS);
  if (answer.kind !== 'frozen') {
    calmDown();
    return fail(armed, answer);
  }
  crashPoint('freeze.frozen');
  return hold(armed, startedAt, calmDown);
}

/** A freeze that somebody else holds is theirs to end: ours would thaw it. */
async function refuseFrozen(armed: Armed): Promise<void> {
  const reasons = armed.targets.flatMap((target) => whyNotFree(target) ?? []);
  if (reasons.length === 0) return;
  await disarm(armed);
  const cgroups = armed.targets.map((target) => target.cgroup);
  throw new SnapcommitError('FREEZE_FAILED', `nothing was frozen: ${reasons.join('; ')}`, { cgroups });
}

function whyNotFree({ cgroup, directory }: CgroupTarget): string | null {
  try {
    if (!freezeRequested(directory) && !standsStill(directory)) return null;
    return `${cgroup} is frozen already, not by this commit (if nothing else should hold it: snapcommit thaw --all)`;
  } catch (error) {
    return `the freezer of ${cgroup} cannot be read: ${String(error)}`;
  }
}

/** G3: a request that failed may still take effect, so every target is thawed, not only those that stood still. */
async function fail(armed: Armed, answer: GuardAnswer): Promise<never> {
  const reason = 'reason' in answer ? answer.reason : `the guard said "${answer.kind}" out of turn`;
  // `release` before `frozen` is a lapse by definition: the guard thaws everything and says so.
  const end = answer.kind === 'lapsed' ? answer : await armed.guard.ask('release', GUARD_ANSWER_MS);
  const stillFrozen = end.kind === 'lapsed' ? null : thawInGuardsPlace(armed, end);
  if (stillFrozen === null) await disarm(armed);
  else armed.guard.end();
  const outcome =
    stillFrozen === null ? 'everything runs again' : `thawing failed, run snapcommit thaw --all: ${stillFrozen}`;
  const cgroups = armed.targets.map((target) => target.cgroup);
  throw new SnapcommitError('FREEZE_FAILED', `the writers could not be paused: ${reason}; ${outcome}`, {
    cgroups,
    reason,
  });
}

/** For a guard that did not prove that it thawed. Null when nothing of ours is frozen any more; otherwise what is. */
function thawInGuardsPlace(armed: Armed, answer: GuardAnswer): string | null {
  if (answer.kind === 'silent') armed.guard.kill();
  return thawOurselves(armed);
}

function thawOurselves(armed: Armed): string | null {
  const failures = armed.targets.flatMap((target) => {
    try {
      thaw(target);
      return [];
    } catch (error) {
      return [`${target.cgroup}: ${String(error)}`];
    }
  });
  return failures.length === 0 ? null : failures.join('; ');
}

function hold(armed: Armed, startedAt: number, calmDown: () => void): Freeze {
  let overdue: string | null = null;
  const actForGuard = (): void => {
    // What the guard said while we were stopped is read before this runs.
    if (armed.guard.lost()?.kind === 'lapsed') return;
    thawOurselves(armed);
    armed.guard.kill();
    overdue = `the limit of ${String(armed.limitMs)} ms passed, and the guard did not act`;
  };
  const timer = setTimeout(() => setImmediate(actForGuard), armed.limitMs + GUARD_GRACE_MS).unref();
  let released: Promise<Release> | null = null;
  return {
    frozen: armed.targets.map((target) => target.cgroup),
    release: () => {
      clearTimeout(timer);
      released ??= release(armed, startedAt, () => overdue).finally(calmDown);
      return released;
    },
  };
}

async function release(armed: Armed, startedAt: number, overdue: () => string | null): Promise<Release> {
  const answer = await armed.guard.ask('release', GUARD_ANSWER_MS);
  const late = overdue();
  let reason = late ?? ('reason' in answer ? answer.reason : null);
  let stillFrozen: string | null = null;
  if (answer.kind !== 'unbroken' && answer.kind !== 'lapsed' && late === null) {
    stillFrozen = thawInGuardsPlace(armed, answer);
    if (stillFrozen !== null) reason = `${reason ?? ''}; thawing failed, run snapcommit thaw --all: ${stillFrozen}`;
  }
  const stallMs = Math.ceil(performance.now() - startedAt);
  crashPoint('thaw.thawed');
  if (stillFrozen === null) forgetIntent(armed.intentFile);
  crashPoint('thaw.after-intent-removal');
  armed.guard.end();
  return { unbroken: answer.kind === 'unbroken' && late === null, reason, stallMs };
}

/** Not synced: an intent that comes back after a power loss names nothing that is frozen. */
function forgetIntent(file: string): void {
  try {
    unlinkSync(file);
  } catch {
    // Removed by thaw --all, or not removable: then thaw --all reports it as not frozen.
  }
}
