/**
 * What makes a copy a snapshot: its identity file, and the identity of a directory.
 *
 * A snapshot's identity is a UUID. A live tree, and a clone which shall become one, is told by its directory's inode
 * and time of birth: both survive the exchange, a reboot and a device's renumbering, and an inode that is used again
 * was born at another time.
 */
import { lstat, open, readFile, rename } from 'node:fs/promises';
import type { Listed, VolumePlace } from '../../ports/volume-driver.js';
import { syncDirectory } from '../../native/sync.js';
import { errnoOf } from './failures.js';
import { entryPaths } from './layout.js';

export type EntryKind = 'snapshot' | 'clone';

export interface Identity {
  readonly format: 1;
  readonly kind: EntryKind;
  /** A snapshot's UUID; a clone's tree identity when it was made. */
  readonly id: string;
  /** SHA-256 (hex) of the index file; null where the entry has none. */
  readonly digest: string | null;
  /** Clones: whether it was made of the live tree, so that it has a listing. */
  readonly ofLive: boolean;
  /** Sockets of the source, which are not copied. */
  readonly skippedSockets: number;
}

/** The identity of the directory `path` itself; rejects where it is missing or no directory. */
export async function treeIdentity(path: string): Promise<string> {
  const status = await lstat(path, { bigint: true });
  if (!status.isDirectory()) throw Object.assign(new Error(`${path} is not a directory`), { code: 'ENOTDIR' });
  return `${String(status.ino)}-${String(status.birthtimeNs)}`;
}

/** Makes the entry whole. The copy must be durable before; the identity is when this resolves. */
export async function writeIdentity(wrapper: string, path: string, identity: Identity): Promise<void> {
  const temporary = `${path}.new`;
  const file = await open(temporary, 'wx', 0o644);
  try {
    await file.writeFile(`${JSON.stringify(identity)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncDirectory(wrapper);
}

/** The identity file of an entry, or null where there is none that we could have written. */
export async function readIdentity(path: string): Promise<Identity | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR', 'EACCES'].includes(errnoOf(error))) return null;
    throw error;
  }
  return parseIdentity(text);
}

function parseIdentity(text: string): Identity | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Not ours, or damaged: an entry whose identity cannot be read is no snapshot.
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { format, kind, id, digest, ofLive, skippedSockets }: Partial<Record<keyof Identity, unknown>> = value;
  if (format !== 1 || typeof id !== 'string' || typeof skippedSockets !== 'number' || typeof ofLive !== 'boolean')
    return null;
  if (kind !== 'snapshot' && kind !== 'clone') return null;
  if (digest !== null && typeof digest !== 'string') return null;
  return { format, kind, id, digest, ofLive, skippedSockets };
}

/** One name of the publish directory; null where it is not there. */
export async function lookupEntry(volume: VolumePlace, name: string): Promise<Listed | null> {
  const paths = entryPaths(volume, name);
  try {
    const status = await lstat(paths.wrapper);
    if (!status.isDirectory()) return { name, id: null, readOnly: false };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
  const identity = await readIdentity(paths.identity);
  // After an exchange another tree stands in a clone's entry: what stands there counts.
  const tree = await treeIdentity(paths.tree).catch(() => null);
  if (identity === null || tree === null) return { name, id: null, readOnly: false };
  return { name, id: identity.kind === 'snapshot' ? identity.id : tree, readOnly: false };
}
