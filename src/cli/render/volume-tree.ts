/** A dataset and what is below it, as volumes, for people. Pure. */
import type { VolumeTreeReport } from '../../index.js';
import { table } from './table.js';
import { counted } from './text.js';

export function volumeTreeText(tree: VolumeTreeReport): string {
  const { dryRun, added, volumes, containers } = tree;
  const fates = dryRun ? 'would be added' : 'added';
  const rows = volumes.map(({ name, source, publishDirectory }) => [
    name,
    added.includes(name) ? fates : 'there already',
    source,
    publishDirectory,
  ]);
  const here = volumes.length - added.length;
  return [
    table(['volume', 'outcome', 'source', 'publish directory'], rows),
    `${counted(added.length, 'volume')} ${fates}, ${String(here)} there already.\n`,
    ...containers.map((name) => `${name} holds no files (canmount=off) and is no volume.\n`),
    ...nextLines(tree),
  ].join('');
}

/** The volumes of a group are given as a whole. */
function nextLines({ volumes, groups, dryRun }: VolumeTreeReport): readonly string[] {
  if (dryRun) return [];
  const [root] = volumes;
  if (groups.length === 0)
    return [
      `Next: snapcommit group create ${root?.name ?? ''} --volume ${volumes.map(({ name }) => name).join(' ')}\n`,
    ];
  return groups
    .filter(({ missing }) => missing.length > 0)
    .map(
      (one) => `Next: snapcommit group update ${one.group} --volume ${[...one.volumes, ...one.missing].join(' ')}\n`,
    );
}
