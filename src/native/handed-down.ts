/**
 * Descriptors that the programs inherit which an action starts. What a descriptor stands for, such as a lock, then lasts until
 * they have ended, also when whoever started them is killed in between.
 *
 * Knowing whose action a program belongs to makes every promise of the process slower, and writers stand still for some of
 * them: so that is known only from when somebody has said that he will start programs (`willInherit`). Actions that had begun
 * by then cannot be told apart, and until they end each of their descriptors goes to every program: rather one lock that
 * lasts too long than one that ends too early.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

type Descriptors = Set<number>;

let handed: AsyncLocalStorage<Descriptors> | null = null;
/** Of actions that are under way, and began before anybody said that he would inherit. */
const untold = new Set<Descriptors>();

/** To be called, once or more, by whoever is going to ask `handedDown`. */
export function willInherit(): void {
  handed ??= new AsyncLocalStorage();
}

/** Runs `action` with `fds` handed down, beside those that are already. They must stay open until it has ended. */
export async function handingDown<T>(fds: readonly number[], action: () => Promise<T>): Promise<T> {
  if (handed === null) return handingUntold(new Set(fds), action);
  const all = new Set([...(handed.getStore() ?? []), ...fds]);
  try {
    return await handed.run(all, action);
  } finally {
    // A number may be another file's from now on.
    all.clear();
  }
}

async function handingUntold<T>(fds: Descriptors, action: () => Promise<T>): Promise<T> {
  untold.add(fds);
  try {
    return await action();
  } finally {
    untold.delete(fds);
  }
}

export function handedDown(): readonly number[] {
  const all = new Set(handed?.getStore());
  for (const fds of untold) for (const fd of fds) all.add(fd);
  return [...all];
}
