/** Giving a program up without ending it: it goes on by itself, with the locks that it has inherited. */
import type { ChildProcess } from 'node:child_process';
import type { CommandResult } from '../../ports/commands.js';

/** What `ended` resolves with; null when the signal aborts before. */
export async function unlessLetBe<T>(ended: PromiseLike<T>, signal: AbortSignal | undefined): Promise<T | null> {
  if (signal === undefined) return ended;
  let giveUp = (): void => undefined;
  const givenUp = new Promise<null>((resolve) => {
    giveUp = () => {
      resolve(null);
    };
    signal.addEventListener('abort', giveUp);
    if (signal.aborted) giveUp();
  });
  try {
    return await Promise.race([ended, givenUp]);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

/** Nothing of ours waits for it any more, also not at our own end. */
export function leave(child: ChildProcess): CommandResult {
  child.unref();
  for (const stream of child.stdio) stream?.destroy();
  return { status: null, signal: null, stdout: '', stderr: '', timedOut: true };
}
