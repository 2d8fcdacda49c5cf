/** Reading a descriptor to its end, but no further than asked. */
import { readSync } from 'node:fs';

/** Everything from here on; null when there is more than `most` bytes. */
export function readUpTo(descriptor: number, most: number): string | null {
  const bytes = Buffer.alloc(most + 1);
  let filled = 0;
  while (filled < bytes.length) {
    const count = readSync(descriptor, bytes, filled, bytes.length - filled, null);
    if (count === 0) return bytes.toString('utf8', 0, filled);
    filled += count;
  }
  return null;
}
