/**
 * SIGINT, SIGTERM and --timeout become one AbortSignal. Nothing is killed here: whoever gets the signal thaws and
 * cleans up, and somebody who presses Ctrl-C again is told what is being waited for.
 */
import { SnapcommitError } from '../errors.js';
import type { Io, StopSignal } from './io.js';

export interface Interruption {
  /** Its reason is a SnapcommitError, INTERRUPTED (details.signal) or TIMED_OUT. */
  readonly signal: AbortSignal;
  /** Rejects with the reason once aborted; otherwise settles as `work` does. For what may be left where it stands. */
  race<T>(work: Promise<T>): Promise<T>;
  /** Takes the handlers away. */
  end(): void;
}

/** `waitingFor` says what runs now; it is asked when somebody is impatient. */
export function watchForInterruption(io: Io, timeoutMs: number | null, waitingFor: () => string): Interruption {
  const controller = new AbortController();
  const { signal } = controller;
  const stopListening = io.onStop((stop) => {
    if (!signal.aborted) controller.abort(interrupted(stop));
    else io.stderr.write(`snapcommit: ${stop} again: still waiting for ${waitingFor()}; it ends by itself.\n`);
  });
  const timer =
    timeoutMs === null
      ? undefined
      : setTimeout(() => {
          controller.abort(timedOut(timeoutMs));
        }, timeoutMs);
  return {
    signal,
    race: async (work) => race(work, signal),
    end() {
      stopListening();
      clearTimeout(timer);
    },
  };
}

async function race<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => {
      reject(reasonOf(signal));
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Why a signal was aborted. */
export function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new SnapcommitError('ABORTED', 'stopped.');
}

function interrupted(signal: StopSignal): SnapcommitError {
  return new SnapcommitError('INTERRUPTED', `stopped by ${signal}.`, { signal });
}

function timedOut(timeoutMs: number): SnapcommitError {
  return new SnapcommitError('TIMED_OUT', `stopped after ${String(timeoutMs)} ms, as --timeout asked.`, { timeoutMs });
}
