/**
 * One daemon a state directory: a kernel lock, which ends with the process that holds it however it ends. Whoever
 * changes the log's form while no daemon runs (`cluster init`, `cluster recover`) takes it, too.
 */
import { createFlockLocks } from '../adapters/locks-flock/index.js';
import { SnapcommitError } from '../errors.js';
import type { HeldLock } from '../ports/locks.js';
import { lockDirectory } from './state-directory.js';

const NAME = 'daemon';

/** @throws BUSY, naming the process, when another has it. */
export function takeDaemonLock(stateDirectory: string): HeldLock {
  const locks = createFlockLocks(lockDirectory(stateDirectory));
  const lock = locks.tryAcquire(NAME, 'exclusive');
  if (lock !== null) return lock;
  const holders = locks.holders(NAME).map(({ pid, command }) => ({ pid, command }));
  const who = holders.map(({ pid, command }) => `pid ${String(pid)}: ${command}`).join(', ');
  throw new SnapcommitError(
    'BUSY',
    `a daemon runs in ${stateDirectory} already (${who === '' ? 'its process cannot be seen from here' : who}). ` +
      'Use that one, or stop it first',
    { stateDirectory, holders },
  );
}

/** The processes that hold it; none where no daemon runs. */
export function daemonsIn(stateDirectory: string): readonly number[] {
  const locks = createFlockLocks(lockDirectory(stateDirectory));
  return locks.holders(NAME).map(({ pid }) => pid);
}

/** Runs `action` while no daemon can start. @throws BUSY when one runs. */
export async function withDaemonLock<T>(stateDirectory: string, action: () => Promise<T>): Promise<T> {
  const lock = takeDaemonLock(stateDirectory);
  try {
    return await action();
  } finally {
    lock.release();
  }
}
