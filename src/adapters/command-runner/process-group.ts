/** Ending a program with everything that it started, and not waiting for what it left behind. */
import type { ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';

/** Between SIGTERM and SIGKILL. */
const GRACE_MS = 500;
/** How long output is still read after the program ended: a daemon that it left may keep the pipe open for ever. */
const DRAIN_MS = 500;
/** How often more of it is waited for: a pipe holds more than is read at a time. */
const DRAIN_ROUNDS = 4;

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
<<<<<<< HEAD
 * Closes our ends of the output pipes some time after the program itself has ended, and never before what it wrote is read. Of
 * two programs that end at once, the second one's end may be known before its output; where nothing of us ran for a while
 * then, the timer comes before the output, and what is closed there would pass for all that it said.
 */
export function drainAfterExit(child: ChildProcess): void {
  child.once('exit', () => {
    let timer: NodeJS.Timeout | undefined;
    let isClosed = false;
    const closeWhenSilent = (heard: number, roundsLeft: number): void => {
      const look = (): void => {
        if (isClosed) return;
        const now = bytesRead(child);
        if (now !== heard && roundsLeft > 0) closeWhenSilent(now, roundsLeft - 1);
        else for (const stream of [child.stdout, child.stderr]) stream?.destroy();
      };
      // an immediate is run after what can be read has been
      timer = setTimeout(() => setImmediate(look), DRAIN_MS);
    };
    closeWhenSilent(bytesRead(child), DRAIN_ROUNDS);
=======
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
>>>>>>> main
    child.once('close', () => {
      isClosed = true;
      clearTimeout(timer);
    });
  });
}

function bytesRead({ stdout, stderr }: ChildProcess): number {
  return [stdout, stderr].reduce((sum, stream) => sum + (stream instanceof Socket ? stream.bytesRead : 0), 0);
}
