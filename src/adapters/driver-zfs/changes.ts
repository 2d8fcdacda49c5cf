/**
 * What changed in the live tree since a clone was taken from it. The space written since the clone's base says "nothing
 * changed" for certain and at once. Where something was written, `zfs diff` names it; it goes by the files' times of
 * change, which reading does not move, and which two writes within one tick of the clock share: files whose time is that
 * close to the base are compared with it.
 */
import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { SnapcommitError } from '../../errors.js';
import { syncFilesystem } from '../../native/sync.js';
import type { VolumePlace } from '../../ports/volume-driver.js';
import type { ZfsCommands } from './command.js';
import { translated } from './failures.js';
import { readFamily } from './family.js';
import { poolOf, splitSnapshot } from './names.js';
import { liveDataset } from './site.js';
import { valueOf, type Dataset } from './properties.js';
import { requireEntry } from './trees.js';

/** ZFS tells a snapshot's time in seconds; clocks tick and may be set a little. */
const NEAR_MS = 3_000;
const CONTROL = '.zfs';

export async function changedSince(
  commands: ZfsCommands,
  volume: VolumePlace,
  cloneName: string,
  limit: number,
): Promise<readonly string[]> {
  const live = liveDataset(volume);
  const family = await readFamily(commands, volume);
  const { dataset } = requireEntry(volume, family, cloneName);
  const origin = valueOf(dataset, 'origin') ?? '';
  if (splitSnapshot(origin)?.dataset !== live) throw notItsClone(volume, dataset.name, live);
  return translated(volume, 'compare', live, async () => {
    // what is in memory only has no time of change yet, and counts as not written
    await syncFilesystem(volume.source);
    await commands.zpool(['sync', poolOf(live)]);
    const written = await commands.zfs([
      'get',
      '-H',
      '-p',
      '-o',
      'value',
      `written@${splitSnapshot(origin)?.snapshot ?? ''}`,
      live,
    ]);
    if (written.trim() === '0') return [];
    const named = await diff(commands, volume, origin, live, limit);
    if (named.length > 0) return named;
    const base = family.snapshots.find(({ name }) => name === origin);
    return near(volume, base, Math.max(1, limit));
  });
}

/** The paths below the live tree that `zfs diff` names, of both ends of a rename the new one. */
async function diff(
  commands: ZfsCommands,
  { source }: VolumePlace,
  base: string,
  live: string,
  limit: number,
): Promise<readonly string[]> {
  const lines = (await commands.zfs(['diff', '-H', '-F', base, live])).split('\n').filter((line) => line !== '');
  return lines.slice(0, Math.max(1, limit)).map((line) => {
    const path = unescape(line.split('\t').at(-1) ?? '');
    return path === source || path === `${source}/`
      ? '.'
      : path.startsWith(`${source}/`)
        ? path.slice(source.length + 1)
        : path;
  });
}

/** `zfs diff` writes odd bytes as a backslash and four octal digits. */
function unescape(text: string): string {
  const bytes: number[] = [];
  const raw = Buffer.from(text);
  for (let at = 0; at < raw.length; at += 1) {
    const [, digits] = /^\\0([0-7]{3})/.exec(raw.toString('latin1', at, at + 5)) ?? [];
    if (digits !== undefined) at += 4;
    bytes.push(digits === undefined ? (raw[at] ?? 0) : Number.parseInt(digits, 8));
  }
  return Buffer.from(bytes).toString('utf8');
}

/** What changed about when the base was taken, or later by this machine's clock, and could not be told from it by its time. */
async function near(volume: VolumePlace, base: Dataset | undefined, limit: number): Promise<readonly string[]> {
  const created = Number(base === undefined ? 0 : (valueOf(base, 'creation') ?? 0)) * 1000;
  const changed: string[] = [];
  const look = async (path: string): Promise<void> => {
    const { ctimeMs } = await lstat(join(volume.source, path));
    if (ctimeMs >= created - NEAR_MS) changed.push(path);
  };
  const walk = async (directory: string): Promise<void> => {
    for await (const entry of await opendir(join(volume.source, directory))) {
      if (changed.length >= limit) return;
      const path = join(directory, entry.name);
      // listed where snapdir=visible; its snapshots are none of the live tree
      if (path === CONTROL) continue;
      await look(path);
      if (entry.isDirectory()) await walk(path);
    }
  };
  await walk('.');
  return changed;
}

function notItsClone(volume: VolumePlace, clone: string, live: string): SnapcommitError {
  const message = `volume ${volume.name}: ${clone} is not a clone of ${live}, so they were not compared; somebody replaced one of them`;
  return new SnapcommitError('CONFLICT', message, { volume: volume.name, clone, live });
}
