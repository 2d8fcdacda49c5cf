/**
 * Did the live tree change since a clone was made of it? The clone's entry holds a listing of the live tree from before
 * the copy began: every change of a file moves its time of change (ctime), which nobody can set back.
 *
 * Two things would hide a change. Times are coarse: two changes within one tick look like one, so the copy begins only
 * after the tick in which the listing ended. And a store through a mapping moves the time only when the page was clean:
 * so dirty pages are written out before the listing (FACTS: syncfs first). Where that does not hold (tmpfs keeps no such
 * times, others are not known) the content is compared as well.
 */
import { statfs } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { syncFilesystem } from '../../native/sync.js';
import { compareLines, type Line } from './compare-lines.js';
import { indexTree, typeOf } from './index-file.js';
import { createLineWriter, readLines } from './lines.js';
import { walkTree } from './walk.js';

/** Longer than the kernel's slowest tick (100 per second). */
const TICK_MS = 20;
/** ext2 to ext4, xfs, btrfs, f2fs: a page that was written out is write-protected, so that the next store is seen. */
const TIMES_ARE_ENOUGH: readonly number[] = [0xef53, 0x58465342, 0x9123683e, 0xf2f52010];

interface ListingLine {
  readonly path: string;
  readonly type: string;
  readonly mode: number;
  readonly size: string;
  readonly mtimeNs: string;
  readonly ctimeNs: string;
  readonly inode: string;
}

const LISTING_FIELDS = ['type', 'mode', 'size', 'mtimeNs', 'ctimeNs', 'inode'] as const;
const CONTENT_FIELDS = ['type', 'size', 'sha256', 'target'] as const;

/** Writes the listing of the live tree; the copy may begin when this resolves. Not durable. */
export async function recordListing(source: string, file: string): Promise<void> {
  await syncFilesystem(source);
  const writer = await createLineWriter(file);
  try {
    for await (const line of listTree(source)) await writer.write(line);
    await writer.end();
  } finally {
    await writer.close();
  }
  await delay(TICK_MS);
}

/** Whether the filesystem of `source` needs its content compared, because its times do not tell every change. */
export async function needsContent(source: string): Promise<boolean> {
  return !TIMES_ARE_ENOUGH.includes((await statfs(source)).type);
}

/** At most `limit` paths that changed. `index`: the clone's index, where its content is to be compared. */
export async function changedPaths(
  source: string,
  listing: string,
  index: string | null,
  limit: number,
): Promise<readonly string[]> {
  await syncFilesystem(source);
  const changed: string[] = [];
  for await (const { path } of compareLines(parseLines(listing), listTree(source), LISTING_FIELDS)) {
    changed.push(path);
    if (changed.length >= limit) return changed;
  }
  if (index === null || changed.length > 0) return changed;
  for await (const { path } of compareLines(parseLines(index), indexTree(source), CONTENT_FIELDS)) {
    changed.push(path);
    if (changed.length >= limit) return changed;
  }
  return changed;
}

async function* listTree(tree: string): AsyncGenerator<ListingLine, void, undefined> {
  for await (const { path, status } of walkTree(tree)) {
    yield {
      path,
      type: typeOf(status),
      mode: Number(status.mode & 0o7777n),
      size: String(status.size),
      mtimeNs: String(status.mtimeNs),
      ctimeNs: String(status.ctimeNs),
      inode: String(status.ino),
    };
  }
}

/** Lines that this driver wrote. A damaged one is left out, so that its path shows as a difference. */
export async function* parseLines(file: string): AsyncGenerator<Line, void, undefined> {
  for await (const text of readLines(file)) {
    const line = parse(text);
    if (line !== null) yield line;
  }
}

function parse(text: string): Line | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && isLine(value) ? value : null;
  } catch {
    return null;
  }
}

function isLine(value: object): value is Line {
  return 'path' in value && typeof value.path === 'string';
}
