/**
 * Descriptors that the programs inherit which an action starts. What a descriptor stands for, such as a lock, then lasts until
 * they have ended, also when whoever started them is killed in between.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

const handed = new AsyncLocalStorage<Set<number>>();

/** Runs `action` with `fds` handed down, beside those that are already. They must stay open until it has ended. */
export async function handingDown<T>(fds: readonly number[], action: () => Promise<T>): Promise<T> {
  const all = new Set([...handedDown(), ...fds]);
  try {
    return await handed.run(all, action);
  } finally {
    // A number may be another file's from now on.
    all.clear();
  }
}

export function handedDown(): readonly number[] {
  return [...(handed.getStore() ?? [])];
}
