/** Renaming snapshots of several datasets of one pool: all of them, or none. */
import { SnapcommitError } from '../../errors.js';
import type { Move } from '../../ports/volume-driver.js';
import type { ZfsCommands } from './command.js';
import { existing, renameEntry } from './entries.js';
import { meaningOf, translated, zfsError } from './failures.js';
import { entryOf, readFamily, type Entry, type Family } from './family.js';
import { entryPath, isForeign, removeLink, setLink } from './links.js';
import { encodeName, poolOf, splitSnapshot } from './names.js';
import { RENAME_ALL, parseAnswer } from './programs.js';
import { ZfsFailure } from './zfs-failure.js';

interface Planned extends Move {
  readonly family: Family;
  readonly entry: Entry;
  /** As ZFS writes it: without its dataset. */
  readonly snapshot: string;
}

export async function renameInPool(commands: ZfsCommands, moves: readonly Move[]): Promise<void> {
  const planned = await Promise.all(moves.map(async (move) => plan(commands, move)));
  if ((await runProgram(commands, planned)) === 'unsupported') await renameEach(commands, planned);
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

/**
 * A channel program that fails is not undone, so it first checks everything, and changes nothing where a check fails.
 * `unsupported`: by this version of ZFS (before 2.2), or by somebody who is not root, whose programs are.
 */
async function runProgram(commands: ZfsCommands, planned: readonly Planned[]): Promise<'done' | 'unsupported'> {
  const [first] = planned;
  if (first === undefined) return 'done';
  const pool = poolOf(first.entry.dataset.name);
  const words = planned.flatMap(({ entry, snapshot, to }) => [
    splitSnapshot(entry.dataset.name)?.dataset ?? '',
    snapshot,
    encodeName(to),
  ]);
  const answer = await commands
    .zfs(['program', '-j', pool, '-', ...words], RENAME_ALL)
    .then(parseAnswer, (failure: unknown) => {
      if (meaningOf(failure) === 'denied') return 'unsupported' as const;
      throw failure;
    });
  if (typeof answer === 'string') return answer;
  const { volume, entry, from, to } = planned[answer.index] ?? first;
  const failure = new ZfsFailure('zfs', ['program', pool], answer.reason);
  if (meaningOf(failure) === 'exists') throw existing(volume, from, to, failure);
  throw zfsError(volume, `rename ${entry.dataset.name} to`, to, failure);
}

/**
 * Side by side, so that they share transaction groups. Where one fails the others are undone; a crash leaves some renamed,
 * which whoever publishes finds by their identities.
 */
async function renameEach(commands: ZfsCommands, planned: readonly Planned[]): Promise<void> {
  const results = await Promise.allSettled(
    planned.map(async ({ volume, entry, to }) => renameEntry(commands, volume, entry, to)),
  );
  const failed = results.find((result) => result.status === 'rejected');
  if (failed === undefined) return;
  const done = planned.filter((_, index) => results[index]?.status === 'fulfilled');
  await Promise.all(
    done.map(async ({ entry, to }) => commands.attempt(['rename', renamed(entry, to).name, entry.dataset.name])),
  );
  throw failed.reason;
}
