/**
 * Kernel locks by flock(2) on files `DIRECTORY/NAME.lock`; that a file is there means nothing, only the lock on it. A
 * lock belongs to the open file, so a child that is handed the descriptor keeps it after we have died.
 */
import { closeSync, fstatSync, mkdirSync, openSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SnapcommitError } from '../../errors.js';
import { tryFlock } from '../../native/flock.js';
import { SystemCallError } from '../../native/library.js';
import { pidfdSendSignal, withPidfd } from '../../native/pidfd.js';
import type { HeldLock, KernelLocks, LockHolder } from '../../ports/locks.js';
import { findHolders, isLocked } from './holders.js';

type Mode = 'shared' | 'exclusive';

/** Waiting starts with this step and doubles it up to the longest one. */
const FIRST_STEP_MS = 2;
const LONGEST_STEP_MS = 50;

/** `directory` is made (0700) by the first lock that is taken in it. */
export function createFlockLocks(directory: string): KernelLocks {
  const file = (name: string): string => lockFile(directory, name);
  return {
    tryAcquire: (name, mode) => tryAcquire(directory, file(name), mode),
    acquire: (name, mode, waitMs, signal, waitedMs) => acquire(directory, name, mode, waitMs, signal, waitedMs),
    forget: (name) => {
      forgetFile(file(name));
    },
    holders: (name) => findHolders(file(name)),
    endHolders: (name, waitMs) => endHolders(file(name), name, waitMs),
  };
}

function forgetFile(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // It excludes nobody where it stays, and what failed before this has to be told, not this.
  }
}

function lockFile(directory: string, name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._@-]*$/.test(name)) {
    throw new SnapcommitError('NAME_INVALID', `"${name}" cannot be the name of a lock`, { name });
  }
  return join(directory, `${name}.lock`);
}

function tryAcquire(directory: string, file: string, mode: Mode): HeldLock | null {
  for (;;) {
    const fd = openLockFile(directory, file);
    try {
      if (!tryFlock(fd, mode)) {
        closeSync(fd);
        return null;
      }
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    if (isStill(file, fd)) return held(fd);
    closeSync(fd);
  }
}

/** Close-on-exec, as all that Node opens. */
function openLockFile(directory: string, file: string): number {
  try {
    return openSync(file, 'a', 0o600);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return openSync(file, 'a', 0o600);
}

/** A file that was forgotten between open and flock excludes nobody. */
function isStill(file: string, fd: number): boolean {
  const named = statSync(file, { throwIfNoEntry: false });
  const opened = fstatSync(fd);
  return named?.ino === opened.ino && named.dev === opened.dev;
}

/** Released by closing: LOCK_UN would take the lock away from a child that inherited the descriptor. */
function held(fd: number): HeldLock {
  let open = true;
  return {
    fd,
    release: () => {
      if (open) closeSync(fd);
      open = false;
    },
  };
}

async function acquire(
  directory: string,
  name: string,
  mode: Mode,
  waitMs: number,
  signal?: AbortSignal,
  waitedMs = 0,
): Promise<HeldLock> {
  const file = lockFile(directory, name);
  const until = performance.now() + waitMs;
  for (let step = FIRST_STEP_MS; ; step = Math.min(2 * step, LONGEST_STEP_MS)) {
    if (signal?.aborted === true)
      throw new SnapcommitError('INTERRUPTED', `interrupted while waiting for the lock ${name}`);
    const lock = tryAcquire(directory, file, mode);
    if (lock !== null) return lock;
    const left = until - performance.now();
    if (left <= 0) throw busy(name, findHolders(file), `not free after ${String(waitedMs + waitMs)} ms`);
    await pause(Math.min(step, left), signal);
  }
}

/** Sleeps; an abort ends it early, and the caller looks at the signal itself. */
async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  }
}

/** Until the kernel has let go of the lock, which it does some time after there is no living holder any more. */
async function endHolders(file: string, name: string, waitMs: number): Promise<void> {
  const until = performance.now() + waitMs;
  for (let step = FIRST_STEP_MS; ; step = Math.min(2 * step, LONGEST_STEP_MS)) {
    if (!isLocked(file)) return;
    const holders = findHolders(file);
    const others = holders.filter(({ pid }) => pid !== process.pid);
    if (holders.length > 0 && others.length === 0) throw busy(name, holders, 'held by this very process');
    for (const { pid } of others) endHolder(file, pid);
    if (performance.now() >= until)
      throw busy(name, findHolders(file), `its holder did not end within ${String(waitMs)} ms`);
    await sleep(step);
  }
}

/** Looks again once the handle is open: the pid may have been another process's until then. */
function endHolder(file: string, pid: number): void {
  try {
    withPidfd(pid, (pidfd) => {
      if (findHolders(file).some((holder) => holder.pid === pid)) pidfdSendSignal(pidfd, 'SIGKILL');
    });
  } catch (error) {
    if (!(error instanceof SystemCallError) || error.code !== 'ESRCH') throw error;
  }
}

function busy(name: string, holders: readonly LockHolder[], what: string): SnapcommitError {
  const list = holders
    .map(({ pid, state, command }) => `pid ${String(pid)} (${explain(state)}: ${command})`)
    .join(', ');
  const message = `the lock ${name} is ${what}; held by ${list === '' ? 'a process that cannot be seen from here' : list}`;
  const details = { name, holders: holders.map(({ pid, state, command }) => ({ pid, state, command })) };
  return new SnapcommitError('BUSY', message, details);
}

function explain(state: string): string {
  if (state === 'D') return 'waiting for a disk, cannot be ended now';
  return state === 'T' || state === 't' ? 'stopped' : 'running';
}
