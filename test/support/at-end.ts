/**
 * What is made on the machine is taken away however the process ends: by itself, by an error outside of all tests, or
 * because it is told to. Once that has begun no second signal stops it.
 */
import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const owed = new Set<() => void>();
let isWatching = false;

/**
 * Does `action`, which must not wait for promises, when this process ends; what was owed last is done first. The answer
 * does it before, and then no more.
 */
export function atEnd(action: () => void): () => void {
  if (!isWatching) watch();
  const once = (): void => {
    if (owed.delete(once)) action();
  };
  owed.add(once);
  return once;
}

/** For programs that scripts/lib/compiled.mjs runs: when that one is gone, so are we. */
export function endWithSupervisor(): void {
  if (process.channel === undefined) return;
  process.once('disconnect', () => process.exit(1));
  process.channel.unref();
}

function watch(): void {
  isWatching = true;
  process.once('exit', () => {
    for (const action of [...owed].reverse()) attempt(action);
  });
  for (const signal of SIGNALS) process.on(signal, () => process.exit(128 + constants.signals[signal]));
}

/** Where one thing cannot be taken away the rest is all the same. */
export function attempt(action: () => void): void {
  try {
    action();
  } catch (error) {
    console.error(error);
  }
}
