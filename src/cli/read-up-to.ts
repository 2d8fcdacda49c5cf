/** Reading a descriptor to its end, but no further than asked. */
import { readSync } from 'node:fs';
import { pauseForPipe } from './pipe-pause.js';

/** Everything from here on; null when there is more than `most` bytes. */
export function readUpTo(descriptor: number, most: number): string | null {
  const bytes = Buffer.alloc(most + 1);
  let filled = 0;
  while (filled < bytes.length) {
    const count = readSome(descriptor, bytes, filled);
    if (count === 0) return bytes.toString('utf8', 0, filled);
    filled += count;
  }
  return null;
}

/** Whoever shares our stdin may have made it one that does not wait: then we do. */
function readSome(descriptor: number, bytes: Buffer, from: number): number {
  for (;;) {
    try {
      return readSync(descriptor, bytes, from, bytes.length - from, null);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
      pauseForPipe();
    }
  }
}
