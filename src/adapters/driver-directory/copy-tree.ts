/**
 * Copying one tree: directories, regular files, symlinks as they are, FIFOs, device nodes (as root), hard links inside
 * the tree. Sockets are counted, not copied. Whatever else cannot be copied fails the whole copy, by its name.
 *
 * Writers may run meanwhile: what vanishes under us is left out, what turns into something else is looked at again.
 */
import { constants, type BigIntStats } from 'node:fs';
import { link, lstat, mkdir, open, readlink, symlink, unlink, type FileHandle } from 'node:fs/promises';
import { SnapcommitError } from '../../errors.js';
import { childPath, openDirectory, openPlain, readNames } from '../../native/at.js';
import { makeNode } from '../../native/file-metadata.js';
import type { Name } from '../../native/path-bytes.js';
import { protectionOf } from '../../native/protection.js';
import { createContentCopier, type ContentCopier } from './copy-content.js';
import { copyMetadata } from './copy-metadata.js';
import { copyFailure, errnoOf, isMissing } from './failures.js';
import { keepProtection, keepProtectionAt } from './protected.js';

const ATTEMPTS = 4;
const CHANGING: readonly string[] = ['ENOENT', 'ELOOP', 'ENOTDIR', 'ENXIO', 'ESTALE'];
const FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

interface Copy {
  readonly volume: string;
  readonly device: bigint;
  readonly root: string;
  readonly content: ContentCopier;
  /** Files with several names: inode and time of birth -> the path of the first copy, from the copied tree's root. */
  readonly firstNames: Map<string, Buffer>;
  /** The new tree's path. */
  readonly target: string;
  /** It is to take its source's place. */
  readonly isForSwap: boolean;
  /** Files with several names that are protected (protected.ts): they get no other name once they are. */
  readonly protectLater: { readonly path: Buffer; readonly protection: number; readonly text: string }[];
  skippedSockets: number;
}

/** One directory that is being copied; `path` from the root, empty for the root itself. */
interface Level {
  readonly source: FileHandle;
  readonly target: FileHandle;
  readonly path: Buffer;
  readonly text: string;
}

/**
 * Copies the directory `source` to `target`, which must not exist; the directory that it is made in must be ours, so that
 * nobody else can put anything in its place. `isForSwap`: it is to take the source's place. Nothing is durable. Errors name
 * the path.
 */
export async function copyTree(
  volume: string,
  source: string,
  target: string,
  isForSwap: boolean,
): Promise<{ readonly skippedSockets: number }> {
  const from = await openPlain(source);
  try {
    const { dev } = await from.stat({ bigint: true });
    const copy: Copy = {
      volume,
      device: dev,
      root: source,
      content: createContentCopier(),
      firstNames: new Map(),
      target,
      isForSwap,
      protectLater: [],
      skippedSockets: 0,
    };
    await mkdir(target, { mode: 0o700 });
    await copyInto(copy, from, Buffer.from(target), Buffer.alloc(0), source);
    return { skippedSockets: copy.skippedSockets };
  } finally {
    await from.close();
  }
}

/** Fills the directory `target`, which is there and empty; its metadata comes last, since filling it changes its times. */
async function copyInto(copy: Copy, source: FileHandle, target: Buffer, path: Buffer, text: string): Promise<void> {
  const status = await source.stat({ bigint: true });
  const to = await openDirectory(target);
  try {
    const level = { source, target: to, path, text };
    for (const name of await readNames(source)) await copyEntry(copy, level, name);
    // while nobody else can reach the copy, whose top gets its owner and mode with the rest
    if (path.length === 0) await protectLinked(copy);
    await copyMetadata(source.fd, status, to, text);
    // the top of a tree is exchanged later
    if (path.length > 0) keepProtection(to, protectionOf(source.fd, text), copy.isForSwap, text);
  } finally {
    await to.close();
  }
}

async function protectLinked({ target, isForSwap, protectLater }: Copy): Promise<void> {
  for (const { path, protection, text } of protectLater)
    await keepProtectionAt(Buffer.concat([Buffer.from(target), path]), protection, isForSwap, text);
}

async function copyEntry(copy: Copy, level: Level, name: Name): Promise<void> {
  const text = `${level.text}/${name.text}`;
  const source = childPath(level.source, name.bytes);
  const target = childPath(level.target, name.bytes);
  for (let attempt = 1; ; attempt += 1) {
    try {
      const status = await lstat(source, { bigint: true }).catch(whenMissing);
      if (status !== null) await copyOne(copy, level, name, status, text);
      return;
    } catch (error) {
      // A name that went away while we copied it is looked at again: only the source's absence excuses a failure.
      if (attempt === ATTEMPTS || !CHANGING.includes(errnoOf(error))) throw copyFailure(copy.volume, text, error);
      await unlink(target).catch(() => undefined);
    }
  }
}

function whenMissing(error: unknown): null {
  if (isMissing(error)) return null;
  throw error;
}

/** An inode's number alone may be used again while we copy. */
function fileKey(status: BigIntStats): string {
  return `${String(status.ino)}-${String(status.birthtimeNs)}`;
}

async function copyOne(copy: Copy, level: Level, name: Name, status: BigIntStats, text: string): Promise<void> {
  const source = childPath(level.source, name.bytes);
  const target = childPath(level.target, name.bytes);
  const path = Buffer.concat([level.path, Buffer.from('/'), name.bytes]);
  if (status.isDirectory()) {
    await copyDirectory(copy, source, target, path, status, text);
    return;
  }
  if (status.isSocket()) {
    copy.skippedSockets += 1;
    return;
  }
  const first = status.nlink > 1n ? copy.firstNames.get(fileKey(status)) : undefined;
  if (first !== undefined) {
    await link(Buffer.concat([Buffer.from(copy.target), first]), target);
    return;
  }
  const isLinked = status.nlink > 1n;
  if (status.isFile()) {
    const protection = await copyRegular(copy, source, target, text);
    if (protection !== 0 && isLinked) copy.protectLater.push({ path, protection, text });
    else if (protection !== 0) await keepProtectionAt(target, protection, copy.isForSwap, text);
  } else await copySpecial(source, target, status, text);
  if (isLinked) copy.firstNames.set(fileKey(status), path);
}

async function copyDirectory(
  copy: Copy,
  source: Buffer,
  target: Buffer,
  path: Buffer,
  status: BigIntStats,
  text: string,
): Promise<void> {
  if (status.dev !== copy.device) {
    throw new SnapcommitError(
      'SOURCE_NESTED',
      `volume ${copy.volume}: ${text} is another filesystem or subvolume inside ${copy.root}; make it a volume of its own outside`,
      { volume: copy.volume, path: text },
    );
  }
  const from = await openDirectory(source);
  try {
    await mkdir(target, { mode: 0o700 });
    await copyInto(copy, from, target, path, text);
  } finally {
    await from.close();
  }
}

/** Answers what protects the source. */
async function copyRegular(copy: Copy, source: Buffer, target: Buffer, text: string): Promise<number> {
  const from = await open(source, FILE);
  try {
    const status = await from.stat({ bigint: true });
    if (!status.isFile()) throw Object.assign(new Error('became another kind of file'), { code: 'ESTALE' });
    await copy.content.copy(from, status, target);
    await copyMetadata(from.fd, status, target, text);
    return protectionOf(from.fd, text);
  } finally {
    await from.close();
  }
}

async function copySpecial(source: Buffer, target: Buffer, status: BigIntStats, text: string): Promise<void> {
  if (status.isSymbolicLink()) {
    await symlink(await readlink(source, { encoding: 'buffer' }), target);
  } else if (status.isFIFO() || process.geteuid?.() === 0) {
    makeNode(target, Number(status.mode), status.rdev);
  } else {
    throw new SnapcommitError(
      'STAGE_FAILED',
      `${text} is a device node, which only root can copy, so nothing was kept; run as root, or move it out`,
      {
        path: text,
      },
    );
  }
  await copyMetadata(source, status, target, text);
}
