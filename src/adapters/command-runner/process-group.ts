/** Ending a program with everything that it started, and not waiting for what it left behind. */
import type { ChildProcess } from 'node:child_process';

/** Between SIGTERM and SIGKILL. */
const GRACE_MS = 500;
/** How long output is still read after the program ended: a daemon that it left may keep the pipe open for ever. */
const DRAIN_MS = 500;

interface Limits {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Ends the process group of `child` (its leader, started detached) at the time limit or when the signal aborts. */
export function endGroupWhenDue(child: ChildProcess, { timeoutMs, signal }: Limits) {
  let timedOut = false;
  let kill: NodeJS.Timeout | undefined;
  const end = (): void => {
    signalGroup(child, 'SIGTERM');
    kill = setTimeout(() => {
      signalGroup(child, 'SIGKILL');
    }, GRACE_MS);
  };
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          end();
        }, timeoutMs);
  if (signal?.aborted === true) end();
  else signal?.addEventListener('abort', end, { once: true });
  return {
    timedOut: (): boolean => timedOut,
    /** Call when the program has ended; kills at once what it left of a group that was being ended. */
    clear: (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      if (kill === undefined) return;
      clearTimeout(kill);
      signalGroup(child, 'SIGKILL');
    },
  };
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // ESRCH: the whole group has ended already.
  }
}

/**
 * Closes our ends of the output pipes some time after the program itself has ended; not before they were read once more
 * (setImmediate comes after that): this process may have stood still since, with all of the output waiting in them.
 */
export function drainAfterExit(child: ChildProcess): void {
  child.once('exit', () => {
    const timer = setTimeout(() => {
      setImmediate(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      });
    }, DRAIN_MS);
    child.once('close', () => {
      clearTimeout(timer);
    });
  });
}
