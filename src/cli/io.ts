/** What the command line has of the world around it, so that tests can stand in for it. */
import { fstatSync, writeSync } from 'node:fs';
import { readUpTo } from './read-up-to.js';

export type StopSignal = 'SIGINT' | 'SIGTERM';

export interface Output {
  readonly isTTY: boolean;
  /** Of the terminal; 0 where there is none. */
  readonly columns: number;
  write(text: string): void;
}

export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute. */
  readonly cwd: string;
  /** All of stdin as text; null when it is more than `most` bytes. */
  readStdin(most: number): string | null;
  /** Calls `listener` for every SIGINT and SIGTERM until the returned function is called. */
  onStop(listener: (signal: StopSignal) => void): () => void;
}

/** This process. */
export function processIo(): Io {
  return {
    stdout: output(1, () => process.stdout),
    stderr: output(2, () => process.stderr),
    env: process.env,
    cwd: process.cwd(),
    readStdin: (most) => readUpTo(0, most),
    onStop(listener) {
      const interrupted = (): void => {
        listener('SIGINT');
      };
      const terminated = (): void => {
        listener('SIGTERM');
      };
      process.on('SIGINT', interrupted);
      process.on('SIGTERM', terminated);
      return () => {
        process.off('SIGINT', interrupted);
        process.off('SIGTERM', terminated);
      };
    },
  };
}

/**
 * Written straight to the descriptor: all of it has left when `write` returns, so that the process may end. `stream`
 * is made only where the descriptor may be a terminal: making it takes time.
 */
function output(fd: number, stream: () => NodeJS.WriteStream): Output {
  const isTTY = isCharacterDevice(fd) && stream().isTTY;
  return {
    isTTY,
    get columns() {
      return isTTY ? stream().columns : 0;
    },
    write(text) {
      writeAll(fd, Buffer.from(text));
    },
  };
}

function isCharacterDevice(fd: number): boolean {
  try {
    return fstatSync(fd).isCharacterDevice();
  } catch {
    // Closed by whoever started us.
    return false;
  }
}

/** How long we sleep before asking a full pipe again, ms. */
const FULL_PIPE_PAUSE_MS = 5;

function writeAll(fd: number, bytes: Buffer): void {
  let written = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(fd, bytes, written);
    } catch (error) {
      const errno = error instanceof Error && 'code' in error ? error.code : undefined;
      // A reader that has gone (`| head`) has what it wanted; the outcome still counts.
      if (errno === 'EPIPE') return;
      if (errno !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_PAUSE_MS);
    }
  }
}
