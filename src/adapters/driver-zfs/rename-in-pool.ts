/** Renaming snapshots of several datasets of one pool: all of them, or none. */
import { SnapcommitError } from '../../errors.js';
import type { Move } from '../../ports/volume-driver.js';
import { ZfsFailure, type ZfsCommands } from './command.js';
import { existing, renameEntry } from './entries.js';
import { meaningOf, translated, zfsError } from './failures.js';
import { entryOf, readFamily, type Entry, type Family } from './family.js';
import { entryPath, isForeign, removeLink, setLink } from './links.js';
import { encodeName, poolOf, splitSnapshot } from './names.js';
import { RENAME_ALL, parseAnswer } from './programs.js';

interface Planned extends Move {
  readonly family: Family;
  readonly entry: Entry;
  /** As ZFS writes it: without its dataset. */
  readonly snapshot: string;
}

export async function renameInPool(commands: ZfsCommands, moves: readonly Move[]): Promise<void> {
  const planned = await Promise.all(moves.map(async (move) => plan(commands, move)));
  await runProgram(commands, planned).catch(async (failure: unknown) => {
    // Channel programs are root's; with `zfs allow` one can be renamed at a time.
    if (meaningOf(failure) !== 'denied') throw failure;
    await renameEach(commands, planned);
  });
  for (const { volume, family, entry, from, to } of planned) {
    await translated(volume, 'link', to, async () => {
      await setLink(volume, family, { ...entry, name: to, dataset: renamed(entry, to) });
      await removeLink(entryPath(volume, from));
    });
  }
}

function renamed({ dataset }: Entry, to: string): Entry['dataset'] {
  return { ...dataset, name: `${splitSnapshot(dataset.name)?.dataset ?? ''}@${encodeName(to)}` };
}

async function plan(commands: ZfsCommands, { volume, from, to }: Move): Promise<Planned> {
  const [source, target] = [entryPath(volume, from), entryPath(volume, to)];
  const family = await readFamily(commands, volume);
  const entry = entryOf(family, from);
  if (entry?.kind !== 'snapshot') {
    const message = `volume ${volume.name}: there is no snapshot ${source} to rename; another tool may have destroyed it`;
    throw new SnapcommitError('VOLUME_UNAVAILABLE', message, { volume: volume.name, name: from });
  }
  if (entryOf(family, to) !== null || (await translated(volume, 'look at', target, () => isForeign(volume, to))))
    throw existing(volume, source, target);
  return { volume, from, to, family, entry, snapshot: splitSnapshot(entry.dataset.name)?.snapshot ?? '' };
}

/** A channel program that fails is not undone, so it first checks everything, and changes nothing where a check fails. */
async function runProgram(commands: ZfsCommands, planned: readonly Planned[]): Promise<void> {
  const [first] = planned;
  if (first === undefined) return;
  const pool = poolOf(first.entry.dataset.name);
  const words = planned.flatMap(({ entry, snapshot, to }) => [
    splitSnapshot(entry.dataset.name)?.dataset ?? '',
    snapshot,
    encodeName(to),
  ]);
  const answer = parseAnswer(await commands.zfs(['program', '-j', pool, '-', ...words], RENAME_ALL));
  if (answer === 'done') return;
  const { volume, entry, from, to } = planned[answer.index] ?? first;
  const failure = new ZfsFailure('zfs', ['program', pool], answer.reason);
  if (meaningOf(failure) === 'exists') throw existing(volume, from, to, failure);
  throw zfsError(volume, `rename ${entry.dataset.name} to`, to, failure);
}

/** Undoes what it did where one fails. A crash in between leaves some renamed, which a second call cannot tell from others' work. */
async function renameEach(commands: ZfsCommands, planned: readonly Planned[]): Promise<void> {
  const done: Planned[] = [];
  try {
    for (const one of planned) {
      await renameEntry(commands, one.volume, one.entry, one.to);
      done.push(one);
    }
  } catch (failure) {
    for (const { entry, to } of done.reverse())
      await commands.attempt(['rename', renamed(entry, to).name, entry.dataset.name]);
    throw failure;
  }
}
