/** Sharing the processor with others. */
import type { ForeignFunction } from './call.js';
import { loadLibc } from './library.js';

let schedYield: ForeignFunction | undefined;

/** Lets those run that wait for this thread's processor and have its priority; returns at once where nobody does. */
export function yieldProcessor(): void {
  schedYield ??= loadLibc().func('int sched_yield()');
  schedYield();
}
