/** Housekeeping: lock files of transactions and pins that are over. The files mean nothing; they would only pile up. */
import { lookup } from '../machine/record.js';
import { join } from 'node:path';
import type { State } from '../machine/state.js';
import type { Context } from './context.js';
import { commandLock, pinLock, transactionLock } from './fence.js';

/** Deletes them; a file whose lock somebody holds is left alone. */
export async function sweepLockFiles(context: Context): Promise<void> {
  const names = await context.files.listNames(join(context.stateDirectory, 'locks')).catch(() => []);
  const state = await context.log.read();
  const locks = await context.locks();
  for (const name of names) {
    const lock = name.replace(/\.lock$/, '');
    if (!isOver(lock, state)) continue;
    // Forgotten while held: whoever takes it in this moment finds its file gone and makes a new one.
    const held = locks.tryAcquire(lock, 'exclusive');
    if (held === null) continue;
    locks.forget(lock);
    held.release();
  }
}

function isOver(lock: string, state: State): boolean {
  const [kind = '', id = ''] = lock.split(/-(.*)/s);
  if (transactionLock(id) === lock || commandLock(id) === lock) return lookup(state.open, id) === undefined;
  return kind === 'pin' && pinLock(id) === lock && lookup(state.pins, id) === undefined;
}
