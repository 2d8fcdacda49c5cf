/**
 * The guard: a process of its own that lets writers go when the process that froze them cannot. It never ends without
 * having thawed: its owner's death (end of stdin), the limit (also one that passed while the
 * machine slept), and every signal that can be caught lead to a thaw.
 * Imports node:fs only, so that it starts quickly and stays small.
 *
 *   guard-main.js LIMIT_MS INTENT_FILE UPTIME_FILE {INODE CGROUP DIRECTORY}...
 *
 * One word a line comes in, in this order, and is answered by a line on stdout:
 *   rehearse     -> armed       nothing is frozen yet; as often as wanted
 *   freezing                    the limit runs from here; somebody is about to freeze
 *   written NS                  every freeze request was written before that time of this machine's clock; none will follow
 *   thawed       -> unbroken    the owner thawed by itself, and nothing of what follows had been said
 *   void REASON  -> lapsed      instead: the round is void, and thawing is left to us
 * Instead of any answer, or unasked:
 *   lapsed REASON             thawed by us; the round is void
 *   stuck REASON              the thaw failed and is being tried again; the round is void
 */
import { closeSync, fsyncSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { thaw, whyNotHeld, type CgroupTarget } from './cgroup-files.js';
import { SleepMeter, UPTIME_FILE } from './sleep-meter.js';

const RETRY_MS = 100;
const RETRIES = 100;
const LEAST_LOOK_MS = 50;

const [limitText = '0', intentFile = '', uptimeFile = UPTIME_FILE, ...rest] = process.argv.slice(2);
const limitMs = Number(limitText);
const targets: CgroupTarget[] = [];
for (let at = 0; at + 2 < rest.length; at += 3) {
  targets.push({ inode: rest[at] ?? '', cgroup: rest[at + 1] ?? '', directory: rest[at + 2] ?? '' });
}

/** `armed` and `over`: nothing of ours is frozen. */
let phase: 'armed' | 'timing' | 'over' = 'armed';
/** Set once, with the reason, when the round became void. */
let lapse: string | null = null;
/** Before our last thaw of everything began. */
let lapsedAt = 0n;
let timer: NodeJS.Timeout | undefined;
let looking: NodeJS.Timeout | undefined;
let startedAt = 0;
const sleep = new SleepMeter(uptimeFile);
let stuck = false;
let ownerGone = false;
/** Until then what we thawed may be frozen after all: an owner that slept writes when it wakes. */
let written = false;

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
  lapsedAt = process.hrtime.bigint();
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

/** Hears once what it will have to hear while writers wait, and forgets it: the first run of a function is a slow one. */
function rehearse(): void {
  obey('freezing');
  obey('written 0');
  clearTimeout(timer);
  clearInterval(looking);
  phase = 'armed';
  written = false;
  // From before anything is frozen: a sleep in between voids a round in vain, one that nobody saw would leave it frozen.
  sleep.begin();
  sleep.sleptMs();
  say('armed');
}

function startTiming(): void {
  phase = 'timing';
  timer = setTimeout(onLimit, limitMs);
  startedAt = performance.now();
  looking = setInterval(onLook, Math.max(LEAST_LOOK_MS, limitMs / 10));
}

/** The timer has stood still while the machine slept. */
function onLook(): void {
  const sleptMs = sleep.sleptMs();
  if (phase !== 'timing') clearInterval(looking);
  else if (sleptMs > 0 && performance.now() - startedAt + sleptMs >= limitMs) lapseNow(sleptThrough(sleptMs));
}

function sleptThrough(sleptMs: number): string {
  return `the machine slept for ${String(Math.round(sleptMs))} ms, and the limit of ${limitText} ms passed`;
}

function onLimit(): void {
  if (phase !== 'timing') return;
  const moving = targets.filter((target) => whyNotHeld(target) !== null).map((target) => target.cgroup);
  if (moving.length > 0) lapseNow(`not everything stood still within ${limitText} ms: ${moving.join(', ')}`);
  else lapseNow(`the limit of ${limitText} ms passed`);
}

/** The round is over: the owner has thawed, or wants us to. */
function settle(reason: string | null): void {
  if (phase === 'over') {
    if (!stuck) say(`lapsed ${lapse ?? 'nothing was frozen'}`);
  } else if (reason === null) {
    phase = 'over';
    say('unbroken');
  } else {
    lapseNow(reason);
  }
}

/** What we thawed after the last request stays thawed; whoever has frozen it since means it. */
function onWritten(at: bigint): void {
  written = true;
  if (lapse !== null && at >= lapsedAt) thawTargets(RETRIES);
}

function obey(line: string): void {
  if (line === 'rehearse') rehearse();
  else if (line === 'freezing') startTiming();
  else if (line.startsWith('written ')) onWritten(BigInt(line.slice('written '.length)));
  else if (line === 'thawed') settle(null);
  else if (line.startsWith('void ')) settle(line.slice('void '.length));
}

function onOwnerGone(): void {
  ownerGone = true;
  if (phase === 'timing' || (lapse !== null && !written)) lapseNow('the process that froze it ended');
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
  if (phase === 'timing') lapseNow(`the guard was ended by ${signal}`);
  if (!stuck) process.exit(1); // the owner lives, and removes the intent itself
}

let received = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (text: string) => {
  const lines = (received + text).split('\n');
  received = lines.pop() ?? '';
  lines.forEach(obey);
});
process.stdin.on('end', onOwnerGone);
process.stdin.on('error', onOwnerGone);
for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'] as const) process.on(signal, onSignal);
process.on('uncaughtException', (error) => {
  if (phase === 'timing') lapseNow(`the guard failed: ${String(error)}`);
  else if (!stuck) process.exit(1);
});
