/**
 * The index of a copy: one JSON line an entry, in walk order, with everything that makes the copy what it is. Its
 * SHA-256 is the tree's digest, so that verify can tell a changed copy, and the index can tell which paths changed.
 */
import { createHash } from 'node:crypto';
import { constants, type BigIntStats } from 'node:fs';
import { open, readlink, type FileHandle } from 'node:fs/promises';
import { getXattr, listXattrs } from '../../native/file-metadata.js';
import { compareText, renderBytes } from '../../native/path-bytes.js';
import { isCopied } from './copy-metadata.js';
import { TreeAccessError } from './failures.js';
import { createLineWriter } from './lines.js';
import { walkTree, type Visit } from './walk.js';

const FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const CHUNK_BYTES = 1 << 18;

export interface IndexLine {
  readonly path: string;
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** ns since the epoch, in decimal. */
  readonly mtimeNs: string;
  /** Files: bytes, and the SHA-256 (hex) of the content. */
  readonly size?: string;
  readonly sha256?: string;
  /** Symlinks: the target as text. */
  readonly target?: string;
  /** Device nodes. */
  readonly device?: string;
  /** The path of the first name of the same file. */
  readonly linkTo?: string;
  /** Extended attributes, values in base64; left out where there are none. */
  readonly attributes?: Readonly<Record<string, string>>;
}

/** Writes the index of `tree`, which errors call `shown`, to `file` and answers its digest. Not durable. */
export async function writeIndex(tree: string, file: string, shown: string): Promise<string> {
  const hash = createHash('sha256');
  const writer = await createLineWriter(file);
  try {
    for await (const line of indexTree(tree, shown)) hash.update(await writer.write(line));
    await writer.end();
  } finally {
    await writer.close();
  }
  return hash.digest('hex');
}

/** The index of a tree as it is now. */
export async function* indexTree(tree: string, shown = tree): AsyncGenerator<IndexLine, void, undefined> {
  const firstNames = new Map<bigint, string>();
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  for await (const visit of walkTree(tree, shown)) {
    yield await indexOne(visit, firstNames, chunk).catch((error: unknown) => {
      throw new TreeAccessError(`${shown}/${visit.path}`, error);
    });
  }
}

async function indexOne(visit: Visit, firstNames: Map<bigint, string>, chunk: Buffer): Promise<IndexLine> {
  const { path, status, location } = visit;
  const line: IndexLine = {
    path,
    type: typeOf(status),
    mode: Number(status.mode & 0o7777n),
    uid: Number(status.uid),
    gid: Number(status.gid),
    mtimeNs: String(status.mtimeNs),
  };
  if (!status.isDirectory() && status.nlink > 1n) {
    const first = firstNames.get(status.ino);
    if (first !== undefined) return { ...line, linkTo: first };
    firstNames.set(status.ino, path);
  }
  const attributes = readAttributes(location);
  return { ...line, ...(await contentOf(visit, chunk)), ...(attributes === null ? {} : { attributes }) };
}

async function contentOf({ status, location }: Visit, chunk: Buffer): Promise<Partial<IndexLine>> {
  if (status.isFile()) return { size: String(status.size), sha256: await hashFile(location, chunk) };
  if (status.isSymbolicLink()) return { target: renderBytes(await readlink(location, { encoding: 'buffer' })) };
  if (status.isCharacterDevice() || status.isBlockDevice()) return { device: String(status.rdev) };
  return {};
}

function readAttributes(location: Buffer): Readonly<Record<string, string>> | null {
  const names = listXattrs(location).filter(isCopied).sort(compareText);
  if (names.length === 0) return null;
  return Object.fromEntries(names.map((name) => [name, getXattr(location, name)?.toString('base64') ?? '']));
}

async function hashFile(location: Buffer, chunk: Buffer): Promise<string> {
  const file = await open(location, FILE);
  try {
    return await hashHandle(file, chunk);
  } finally {
    await file.close();
  }
}

async function hashHandle(file: FileHandle, chunk: Buffer): Promise<string> {
  const hash = createHash('sha256');
  for (;;) {
    const { bytesRead } = await file.read(chunk, 0, chunk.length, null);
    if (bytesRead === 0) return hash.digest('hex');
    hash.update(chunk.subarray(0, bytesRead));
  }
}

export function typeOf(status: BigIntStats): string {
  if (status.isFile()) return 'file';
  if (status.isDirectory()) return 'directory';
  if (status.isSymbolicLink()) return 'symlink';
  if (status.isFIFO()) return 'fifo';
  if (status.isSocket()) return 'socket';
  return status.isCharacterDevice() ? 'character' : 'block';
}
