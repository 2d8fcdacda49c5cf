/**
 * The guard: a process of its own that lets writers go when the process that froze them cannot. It never ends without
 * having thawed: its owner's death (end of stdin), the limit, and every signal that can be caught lead to a thaw.
 * Imports node:fs only, so that it starts quickly and stays small.
 *
 *   guard-main.js LIMIT_MS INTENT_FILE {INODE CGROUP DIRECTORY}...
 *
 * One word a line comes in, in this order, and each is answered by a line on stdout:
 *   (start)    -> armed
 *   freezing   -> timing      the limit runs from here; somebody is about to freeze
 *   written    -> frozen      every freeze request is written; answered when all stand still, watched from then on
 *   release    -> unbroken    all stood still from `frozen` on, nobody touched them; they are thawed now
 * Instead of any answer, or unasked:
 *   lapsed REASON             thawed by us; the round is void
 *   stuck REASON              the thaw failed and is being tried again; the round is void
 */
import { closeSync, fsyncSync, openSync, unlinkSync, watch, writeSync } from 'node:fs';
import { cgroupInode, freezeRequested, standsStill, thaw, whyNotHeld, type CgroupTarget } from './cgroup-files.js';
import { isHeld, letGo, openCgroup, type OpenCgroup } from './open-cgroup.js';

const RETRY_MS = 100;
const RETRIES = 100;
/** The first looks are close together, since writers stand still meanwhile; then the timers take over. */
const CLOSE_LOOKS = 40;
const CLOSE_LOOK_MS = 0.1;
const POLL_MS = 1;

const [limitText = '0', intentFile = '', ...rest] = process.argv.slice(2);
const limitMs = Number(limitText);
const targets: CgroupTarget[] = [];
for (let at = 0; at + 2 < rest.length; at += 3) {
  targets.push({ inode: rest[at] ?? '', cgroup: rest[at + 1] ?? '', directory: rest[at + 2] ?? '' });
}

const pausing = new Int32Array(new SharedArrayBuffer(4));

/** `armed` and `over`: nothing of ours is frozen. */
let phase: 'armed' | 'freezing' | 'held' | 'over' = 'armed';
/** Set once, with the reason, when the round became void. */
let lapse: string | null = null;
let stuck = false;
let ownerGone = false;
let touched: string | null = null;
/** The targets, kept open from `freezing` on. */
let opened: readonly OpenCgroup[] = [];

function say(line: string): void {
  try {
    writeSync(1, `${line.replaceAll('\n', ' ')}\n`);
  } catch {
    // Nobody listens any more: the end of stdin follows.
  }
}

/** Thaws everything, tries again where that fails, and tells. Everything that voids a round comes through here. */
function lapseNow(reason: string): void {
  lapse ??= reason;
  thawTargets(RETRIES);
}

function thawTargets(retriesLeft: number): void {
  phase = 'over';
  const failures = targets.flatMap((target) => {
    try {
      thaw(target);
      return [];
    } catch (error) {
      return [`${target.cgroup}: ${String(error)}`];
    }
  });
  stuck = failures.length > 0;
  say(stuck ? `stuck ${failures.join('; ')}` : `lapsed ${lapse ?? ''}`);
  if (stuck && retriesLeft > 0) setTimeout(thawTargets, RETRY_MS, retriesLeft - 1);
  else if (ownerGone) finish();
}

/** Somebody else's write to a freezer shows as a change of its file, even when the freeze was soon restored. */
function watchTargets(): void {
  for (const target of targets) {
    watch(`${target.directory}/cgroup.freeze`, () => {
      touched ??= `somebody else wrote to the freezer of ${target.cgroup}`;
      if (phase === 'held') lapseNow(touched);
    });
  }
}

function startTiming(): void {
  phase = 'freezing';
  try {
    opened = targets.map(openCgroup);
    watchTargets();
    rehearse();
  } catch (error) {
    lapseNow(`the freezers cannot be opened and watched: ${String(error)}`);
    return;
  }
  setTimeout(onLimit, limitMs);
  say('timing');
}

function onLimit(): void {
  if (phase === 'freezing') lapseNow(`not everything stood still within ${limitText} ms: ${stillMoving().join(', ')}`);
  else if (phase === 'held') lapseNow(`the limit of ${limitText} ms passed`);
}

function stillMoving(): string[] {
  return targets.filter((target) => whyNotHeld(target) !== null).map((target) => target.cgroup);
}

function awaitStandstill(looks = 0): void {
  if (phase !== 'freezing') return;
  for (let look = looks; look < CLOSE_LOOKS && !opened.every(isHeld) && targets.some(isSettling); look += 1) {
    Atomics.wait(pausing, 0, 0, CLOSE_LOOK_MS);
  }
  if (touched === null && !opened.every(isHeld) && targets.some(isSettling)) {
    setTimeout(awaitStandstill, POLL_MS, CLOSE_LOOKS);
    return;
  }
  const broken = firstBroken();
  if (broken !== null) {
    lapseNow(broken);
    return;
  }
  phase = 'held';
  say('frozen');
}

/** Asked to freeze and not there yet. Anything else that is wrong will not become right by waiting. */
function isSettling(target: CgroupTarget): boolean {
  try {
    const same = cgroupInode(target.directory) === target.inode;
    return same && freezeRequested(target.directory) && !standsStill(target.directory);
  } catch {
    return false;
  }
}

function firstBroken(): string | null {
  if (touched !== null) return touched;
  if (opened.length === targets.length && opened.every(isHeld)) return null;
  for (const target of targets) {
    const reason = whyNotHeld(target);
    if (reason !== null) return reason;
  }
  return null;
}

/** Check and thaw in one step: nothing else of this process runs between them. */
function release(): void {
  if (phase === 'over') {
    if (!stuck) say(`lapsed ${lapse ?? 'nothing was frozen'}`);
    return;
  }
  const broken = phase === 'held' ? firstBroken() : 'not everything stood still yet';
  if (broken !== null) {
    lapseNow(broken);
    return;
  }
  phase = 'over';
  try {
    for (const each of opened) letGo(each);
    say('unbroken');
  } catch (error) {
    lapseNow(`thawing failed at first: ${String(error)}`);
  }
}

function obey(word: string): void {
  if (word === 'freezing') {
    startTiming();
  } else if (word === 'written') {
    // File events of the owner's own writes were queued before this word: let them pass, then count.
    setImmediate(() => {
      touched = null;
      awaitStandstill();
    });
  } else if (word === 'release') {
    // Likewise every foreign write that came before this word is seen first.
    setImmediate(release);
  }
}

function onOwnerGone(): void {
  ownerGone = true;
  if (phase === 'freezing' || phase === 'held') lapseNow('the process that froze it ended');
  else if (stuck) thawTargets(RETRIES);
  else finish();
}

/** Nothing is frozen by us any more: the intent has done its work. It stays where a thaw failed. */
function finish(): void {
  if (!stuck) removeIntent();
  process.exit(stuck ? 1 : 0);
}

function removeIntent(): void {
  try {
    unlinkSync(intentFile);
    const directory = openSync(intentFile.slice(0, intentFile.lastIndexOf('/')), 'r');
    fsyncSync(directory);
    closeSync(directory);
  } catch {
    // Gone already: its owner removed it. Anything else leaves it to `snapcommit thaw --all`.
  }
}

function onSignal(signal: string): void {
  if (phase === 'freezing' || phase === 'held') lapseNow(`the guard was ended by ${signal}`);
  if (!stuck) process.exit(1); // the owner lives, and removes the intent itself
}

/** Runs what will be needed while writers stand still once before, harmlessly: the first run of a function is a slow one. */
function rehearse(): void {
  targets.some(isSettling);
  firstBroken();
  Atomics.wait(pausing, 0, 0, CLOSE_LOOK_MS);
  const nowhere = openSync('/dev/null', 'w');
  for (const { target } of opened) letGo({ target, freezer: nowhere, events: nowhere });
  closeSync(nowhere);
}

let received = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (text: string) => {
  const lines = (received + text).split('\n');
  received = lines.pop() ?? '';
  for (const word of lines) obey(word);
});
process.stdin.on('end', onOwnerGone);
process.stdin.on('error', onOwnerGone);
for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'] as const) process.on(signal, onSignal);
process.on('uncaughtException', (error) => {
  if (phase === 'freezing' || phase === 'held') lapseNow(`the guard failed: ${String(error)}`);
  else if (!stuck) process.exit(1);
});
say('armed');
