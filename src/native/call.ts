/**
 * Foreign calls on a worker thread, as promises. Only calls that may sleep in the kernel (a sync, a snapshot, a
 * rename) go through here; the others are called directly and checked with checkResult.
 */
import { loadKoffi, SystemCallError } from './library.js';

/** A C function that koffi declared: called at once, or on a worker thread through `async`. */
export interface ForeignFunction {
  (...values: unknown[]): number;
  readonly async: (...values: unknown[]) => unknown;
}

export interface CallResult {
  readonly result: number;
  /** What the call left in errno on its own thread; says something only where `result` is a failure. */
  readonly errno: number;
}

/** Runs `foreign` on a worker thread. Rejects only when koffi itself cannot make the call. */
export function callAsync(foreign: ForeignFunction, ...values: readonly unknown[]): Promise<CallResult> {
  return new Promise((resolve, reject) => {
    foreign.async(...values, (failure: Error | null, result: number) => {
      // koffi carries the worker's errno into this callback: read it before anything else runs
      const errno = loadKoffi().errno();
      if (failure === null) resolve({ result, errno });
      else reject(failure);
    });
  });
}

/** A system call on a worker thread; rejects with a SystemCallError when its result is negative. */
export async function systemCallAsync(
  foreign: ForeignFunction,
  syscall: string,
  subject: string,
  ...values: readonly unknown[]
): Promise<number> {
  const { result, errno } = await callAsync(foreign, ...values);
  if (result < 0) throw new SystemCallError(syscall, errno, subject);
  return result;
}
