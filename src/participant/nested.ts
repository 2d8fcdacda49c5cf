/**
 * Trees inside a volume's live tree that are volumes of their own, because its owner wanted everything below it added
 * (`volume add --recursive`). The log alone says which volumes there are, so what a driver tells is compared with it each
 * time: a tree that came later is never left out unnoticed.
 */
import { SnapcommitError } from '../errors.js';
import type { VolumeRecord } from '../machine/entry.js';
import { volumeAt } from '../machine/queries.js';
import type { State } from '../machine/state.js';
import type { NestedTree } from '../ports/volume-driver.js';

/** So many are named. */
const NAMED_MAX = 10;

/** @throws SOURCE_NESTED where a tree inside this volume is no volume; names it, and the command to run. */
export function assertNestedAdded(state: State, place: VolumeRecord, nested: readonly NestedTree[]): void {
  const missing = nested.filter(({ source }) => source === null || volumeAt(state, place.node, source) === undefined);
  if (missing.length === 0) return;
  const named = missing.map(({ called, obstacle }) => (obstacle === null ? called : `${called} (${obstacle})`));
  throw new SnapcommitError(
    'SOURCE_NESTED',
    `volume ${place.name} (${place.source}) is to be taken with everything below it, but some of that is no volume, so no ` +
      `snapshot would contain it: ${listed(named)}. Run \`${addCommand(place.name, place.source)}\`, then name what it ` +
      'adds in the group.',
    { volume: place.name, source: place.source, nested: missing.slice(0, NAMED_MAX).map(({ called }) => called) },
  );
}

/** What to tell where volumes inside this one are not among the node's volumes of the transaction; null where all are. */
export function nestedBeside(
  state: State,
  { name, node }: VolumeRecord,
  nested: readonly NestedTree[],
  members: readonly string[],
): string | null {
  const beside = nested
    .map(({ source }) => (source === null ? undefined : volumeAt(state, node, source)?.name))
    .filter((volume) => volume !== undefined && !members.includes(volume));
  if (beside.length === 0) return null;
  return `volume ${name} is taken without the volumes below it that are not in this group: ${beside.join(', ')}. \`snapcommit group update\` adds them.`;
}

/** The command that adds what is missing below a source. */
export function addCommand(name: string, source: string): string {
  return `snapcommit volume add ${name} --source ${shellWord(source)} --recursive`;
}

/** As it must be typed in a shell. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

export function listed(texts: readonly string[]): string {
  return texts.slice(0, NAMED_MAX).join('; ') + (texts.length > NAMED_MAX ? '; …' : '');
}
