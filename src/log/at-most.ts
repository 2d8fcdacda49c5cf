/** Waiting that has an end: what hangs keeps nobody who only wants to be gone. */
import type { Timers } from '../ports/timers.js';

/** Answers whether the work ended in time; it goes on all the same. Rejects as the work does. */
export async function atMost(timers: Timers, ms: number, work: Promise<unknown>): Promise<boolean> {
  let cancel: () => void = () => undefined;
  const late = new Promise<boolean>((resolve) => {
    cancel = timers.after(ms, () => {
      resolve(false);
    });
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    cancel();
  }
}
