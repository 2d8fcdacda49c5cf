/** Comparing two files byte by byte, up to a bound. */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

const BYTES_MAX = 64 * 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;

/** False where they differ, where either is no ordinary file, or where they are too large to tell. */
export async function sameContent(one: string, other: string): Promise<boolean> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NOATIME | constants.O_NONBLOCK;
  const left = await open(one, flags);
  try {
    const right = await open(other, flags);
    try {
      return await sameBytes(left, right);
    } finally {
      await right.close();
    }
  } finally {
    await left.close();
  }
}

async function sameBytes(left: FileHandle, right: FileHandle): Promise<boolean> {
  const [one, other] = await Promise.all([left.stat(), right.stat()]);
  if (!one.isFile() || !other.isFile() || one.size !== other.size || one.size > BYTES_MAX) return false;
  const [mine, theirs] = [Buffer.alloc(CHUNK_BYTES), Buffer.alloc(CHUNK_BYTES)];
  for (let at = 0; at < one.size;) {
    const { bytesRead } = await left.read(mine, 0, CHUNK_BYTES, at);
    const read = await right.read(theirs, 0, CHUNK_BYTES, at);
    if (bytesRead === 0 || bytesRead !== read.bytesRead) return false;
    if (!mine.subarray(0, bytesRead).equals(theirs.subarray(0, bytesRead))) return false;
    at += bytesRead;
  }
  return true;
}
