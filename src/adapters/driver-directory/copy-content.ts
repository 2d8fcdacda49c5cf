/**
 * One regular file's bytes. Shares them with the source (reflink) where the filesystem can, otherwise copies; holes
 * stay holes. Node's own plain copy is not used: it never ends when the source is truncated meanwhile.
 */
import { constants, type BigIntStats } from 'node:fs';
import { copyFile, open, type FileHandle } from 'node:fs/promises';
import { handlePath } from '../../native/at.js';
import { errnoOf } from './failures.js';

const CHUNK_BYTES = 1 << 20;
const HOLE_BYTES = 1 << 16;
const ZEROS = Buffer.alloc(HOLE_BYTES);
const NO_REFLINK: readonly string[] = [
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOTTY',
  'EXDEV',
  'EINVAL',
  'ENOSYS',
  'EPERM',
  'EACCES',
];

export interface ContentCopier {
  /** Copies what `source` holds, at most as many bytes as `status` says, to the new file `target`. */
  copy(source: FileHandle, status: BigIntStats, target: Buffer): Promise<void>;
}

/** Finds out with the first file whether the filesystem can share content. */
export function createContentCopier(): ContentCopier {
  let mayReflink = true;
  let chunk: Buffer | undefined;
  return {
    copy: async (source, status, target) => {
      if (mayReflink && status.size > 0n) {
        mayReflink = await reflink(source, target);
        if (mayReflink) return;
      }
      chunk ??= Buffer.allocUnsafe(CHUNK_BYTES);
      await copyBytes(source, status, target, chunk);
    },
  };
}

async function reflink(source: FileHandle, target: Buffer): Promise<boolean> {
  try {
    await copyFile(handlePath(source), target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch (error) {
    if (NO_REFLINK.includes(errnoOf(error))) return false;
    throw error;
  }
}

async function copyBytes(source: FileHandle, status: BigIntStats, target: Buffer, chunk: Buffer): Promise<void> {
  const size = Number(status.size);
  const sparse = status.blocks * 512n < status.size;
  const file = await open(target, 'wx', 0o600);
  try {
    let position = 0;
    // A file that grows as fast as we copy would never end: its size at the beginning bounds the copy.
    while (position < size) {
      const { bytesRead } = await source.read(chunk, 0, Math.min(chunk.length, size - position), position);
      if (bytesRead === 0) break;
      await writeAll(file, chunk.subarray(0, bytesRead), position, sparse);
      position += bytesRead;
    }
    if (sparse) await file.truncate(position);
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, bytes: Buffer, position: number, sparse: boolean): Promise<void> {
  const step = sparse ? HOLE_BYTES : bytes.length;
  for (let start = 0; start < bytes.length; start += step) {
    const part = bytes.subarray(start, start + step);
    if (sparse && part.equals(ZEROS.subarray(0, part.length))) continue;
    for (let done = 0; done < part.length;) {
      done += (await file.write(part, done, part.length - done, position + start + done)).bytesWritten;
    }
  }
}
