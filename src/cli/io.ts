/** What the command line has of the world around it, so that tests can stand in for it. */
import { fstatSync, writeSync } from 'node:fs';
import { pauseForPipe } from './pipe-pause.js';
import { readUpTo } from './read-up-to.js';

export type StopSignal = 'SIGINT' | 'SIGTERM';

export interface Output {
  readonly isTTY: boolean;
  /** Of the terminal; 0 where there is none. */
  readonly columns: number;
  write(text: string): void;
}

export interface Io {
  /** Throws what writing failed with, but for a reader that has gone. */
  readonly stdout: Output;
  /** Never throws: what cannot be said stops nothing, and makes nothing else of what became of it. */
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute. */
  readonly cwd: string;
  /** What runs us: a program and its first arguments, absolute paths. */
  readonly program: readonly string[];
  /** All of stdin as text; null when it is more than `most` bytes. */
  readStdin(most: number): string | null;
  /** Calls `listener` for every SIGINT and SIGTERM until the returned function is called. */
  onStop(listener: (signal: StopSignal) => void): () => void;
}

/** This process. */
export function processIo(): Io {
  return {
    stdout: output(1, () => process.stdout, writeAll),
    stderr: output(2, () => process.stderr, writeIfPossible),
    env: process.env,
    cwd: process.cwd(),
    // As it was called, links and all: what stands behind a link may move with the next version.
    program: [process.execPath, ...process.argv.slice(1, 2)],
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
function output(fd: number, stream: () => NodeJS.WriteStream, write: (fd: number, bytes: Buffer) => void): Output {
  const isTTY = mayBeTerminal(fd) && stream().isTTY;
  return {
    isTTY,
    get columns() {
      return isTTY ? stream().columns : 0;
    },
    write(text) {
      write(fd, Buffer.from(text));
    },
  };
}

/** The major number of /dev/null and its like, which are no terminals. */
const MEMORY_DEVICES = 1;

function mayBeTerminal(fd: number): boolean {
  try {
    const found = fstatSync(fd);
    return found.isCharacterDevice() && found.rdev >> 8 !== MEMORY_DEVICES;
  } catch {
    // Closed by whoever started us.
    return false;
  }
}

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
      pauseForPipe();
    }
  }
}

function writeIfPossible(fd: number, bytes: Buffer): void {
  try {
    writeAll(fd, bytes);
  } catch {
    // A full disk under a redirected stderr, a terminal that was closed: there is nobody else to tell.
  }
}
