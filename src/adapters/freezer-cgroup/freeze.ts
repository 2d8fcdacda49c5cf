/**
 * One freeze, from arming to thawing: durable intent and armed guard first, then the freezers; writers stand still while
 * this process alone looks and acts, and at the end both say whether they did so all along: we that nobody wrote to a
 * freezer, the guard that it did not.
 *
 * When the guard has lapsed it has thawed already, and thawing again could undo a freeze that somebody else has begun
 * since (T10); when it is dead or silent, we thaw. What is left of T10 is a process that is stopped for longer than the
 * limit between the look and the thaw, which are one step, or between the first request and the word that all are
 * written, and killed then.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { crashPoint } from '../../crash-points.js';
import { SnapcommitError } from '../../errors.js';
import type { ArmedFreeze, Freeze, FreezeTarget } from '../../ports/writers.js';
import { disarm, GUARD_ANSWER_MS, GUARD_GRACE_MS, letGoOf, reasonOf, thawInGuardsPlace, type Armed } from './armed.js';
import { cgroupInode, type CgroupTarget } from './cgroup-files.js';
import { startGuard, type Guard, type GuardAnswer } from './guard-client.js';
import { Haste } from './haste.js';
import { hold } from './hold.js';
import { intentFile, newIntent, writeIntent } from './intent.js';
import { cgroupDirectory, findCgroupMount } from './mount.js';
import { OpenFreezers } from './open-freezers.js';
import { SleepMeter } from './sleep-meter.js';

const GUARD_START_MS = 20_000;
const REHEARSALS = 3;
/** The first looks are close together, since writers stand still meanwhile; then the timers take over. */
const CLOSE_LOOKS = 80;
const POLL_MS = 1;
/** A timer may fire so much early, by our clock. */
const TIMER_SLACK_MS = 5;

/** See Writers.arm. The intent is durable, the guard runs and the freezers are open when this resolves. */
export async function armFreeze(
  stateDirectory: string,
  transaction: string,
  declared: readonly FreezeTarget[],
  limitMs: number,
  uptimeFile: string,
): Promise<ArmedFreeze> {
  const targets = identify(declared);
  const freezers = openFreezers(targets);
  const id = `${transaction}-${randomBytes(4).toString('hex')}`;
  const file = intentFile(stateDirectory, id);
  const guard = guardOver(freezers, () => startGuard(targets, limitMs, file, uptimeFile));
  const persist = async (): Promise<void> => {
    crashPoint('freeze.before-intent');
    await writeIntent(stateDirectory, newIntent(id, transaction, limitMs, targets));
    crashPoint('freeze.after-intent');
  };
  const sleep = new SleepMeter(uptimeFile);
  const armed: Armed = { targets, limitMs, intentFile: file, guard, freezers, haste: new Haste(), sleep };
  const [persisted, answer] = await Promise.allSettled([persist(), start(guard)]);
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

/** The guard's answer when it has started, and rehearsed often enough what it will have to do while writers wait. */
async function start(guard: Guard): Promise<GuardAnswer> {
  let answer = await guard.ask('rehearse', GUARD_START_MS);
  for (let done = 1; done < REHEARSALS && answer.kind === 'armed'; done += 1)
    answer = await guard.ask('rehearse', GUARD_START_MS);
  return answer;
}

/** What was opened is closed again when there is no guard for it. */
function guardOver(freezers: OpenFreezers, start: () => Guard): Guard {
  try {
    return start();
  } catch (cause) {
    freezers.close();
    throw new SnapcommitError(
      'FREEZE_FAILED',
      `nothing was frozen: the guard did not start: ${reasonOf(cause)}`,
      {},
      cause,
    );
  }
}

function openFreezers(targets: readonly CgroupTarget[]): OpenFreezers {
  try {
    return OpenFreezers.open(targets);
  } catch (cause) {
    const cgroups = targets.map(({ cgroup }) => cgroup);
    const message = `nothing was frozen: a freezer of ${cgroups.join(', ')} cannot be opened and watched: ${reasonOf(cause)}`;
    throw new SnapcommitError('FREEZE_FAILED', message, { cgroups }, cause);
  }
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

/**
 * The guard, which has not been heard to fail, is told first and not waited for: the word is in its pipe before anything
 * is frozen, so it reads it before it could read our death. That all is written it is told when there is time.
 */
async function freeze(armed: Armed): Promise<Freeze> {
  await refuseFrozen(armed);
  const lost = armed.guard.lost();
  if (lost !== null) {
    await disarm(armed);
    const reason = 'reason' in lost ? lost.reason : lost.kind;
    throw new SnapcommitError('FREEZE_FAILED', `nothing was frozen: ${reason}`, { reason });
  }
  const toldAt = performance.now();
  armed.guard.tell('freezing');
  // It hears that on another processor meanwhile, and no longer needs one when the snapshots do.
  armed.sleep.begin();
  const startedAt = performance.now();
  crashPoint('freeze.before-first-cgroup');
  let refusal = request(armed, toldAt);
  const writtenAt = process.hrtime.bigint();
  if (refusal !== null || !standsStill(armed)) {
    armed.guard.confirmWritten(writtenAt);
    refusal ??= await waitForStandstill(armed, startedAt);
  }
  if (refusal !== null) {
    armed.haste.end();
    return fail(armed, refusal);
  }
  crashPoint('freeze.frozen');
  return hold(armed, startedAt, writtenAt);
}

/** Null when all are asked to freeze; otherwise why they will not be. */
function request({ targets, freezers, limitMs }: Armed, toldAt: number): string | null {
  try {
    for (const index of targets.keys()) {
      freezers.request(index);
      if (index === 0) crashPoint('freeze.after-first-cgroup');
    }
  } catch (error) {
    return reasonOf(error);
  }
  // Slept before or between the writes: the guard may have thawed before them, and will have to again.
  const late = performance.now() - toldAt > limitMs - TIMER_SLACK_MS;
  return late ? 'the limit passed before all was asked for' : null;
}

/** Whether all stand still now or in a moment, witnessed from before the look that found it. */
function standsStill({ freezers, haste }: Armed): boolean {
  freezers.beginWitness();
  // Mostly they do by now. Going first before that would keep us on a processor that they need to get there.
  if (freezers.standStill()) return true;
  haste.begin();
  return freezers.waitForStandstill(CLOSE_LOOKS);
}

/** Null when all stand still, otherwise why they will not. */
async function waitForStandstill({ freezers, guard, limitMs }: Armed, startedAt: number): Promise<string | null> {
  const giveUpAt = startedAt + limitMs + GUARD_GRACE_MS;
  for (;;) {
    await delay(POLL_MS);
    // What the guard says comes first: when it lapsed, it has written to the freezers.
    const lost = guard.lost();
    if (lost !== null && 'reason' in lost) return lost.reason;
    const never = freezers.whyNever();
    if (never !== null) return never;
    if (freezers.standStill()) return null;
    if (performance.now() > giveUpAt) return 'the guard does not answer';
  }
}

/** A freeze that somebody else holds is theirs to end: ours would thaw it. */
async function refuseFrozen(armed: Armed): Promise<void> {
  const reasons = armed.freezers.whyNotFree();
  if (reasons.length === 0) return;
  await disarm(armed);
  const cgroups = armed.targets.map((target) => target.cgroup);
  throw new SnapcommitError('FREEZE_FAILED', `nothing was frozen: ${reasons.join('; ')}`, { cgroups });
}

/** G3: a request that failed may still take effect, so every target is thawed, not only those that stood still. */
async function fail(armed: Armed, reason: string): Promise<never> {
  const end = await armed.guard.ask(`void ${reason}`, GUARD_ANSWER_MS);
  // Also when the guard has thawed: some of our requests may have come after that.
  const stillFrozen = thawInGuardsPlace(armed.guard, end, armed.targets);
  if (stillFrozen === null) await disarm(armed);
  else letGoOf(armed);
  const outcome =
    stillFrozen === null ? 'everything runs again' : `thawing failed, run snapcommit thaw --all: ${stillFrozen}`;
  const cgroups = armed.targets.map((target) => target.cgroup);
  const why = end.kind === 'lapsed' ? end.reason : reason;
  throw new SnapcommitError('FREEZE_FAILED', `the writers could not be paused: ${why}; ${outcome}`, {
    cgroups,
    reason: why,
  });
}
