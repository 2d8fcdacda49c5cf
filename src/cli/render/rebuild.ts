/** What a rebuild of a lost log found, for people: what it takes, what it does not, and what nobody can give back. */
import type { RebuildReport } from '../../index.js';
import { pairs, table } from './table.js';

export function rebuildText(report: RebuildReport): string {
  const first = report.done
    ? 'The log is built anew.\n'
    : 'Nothing was changed. This is what a log could be built from:\n';
  const identity = pairs([
    ['state directory', report.stateDirectory],
    ['node', report.node],
    ['cluster', report.cluster],
    ['incarnation', String(report.incarnation)],
  ]);
  const next = report.done
    ? 'Next: snapcommit recover; snapcommit verify\n'
    : 'To do it, and only if the old log is gone for good, add --accept-loss.\n';
  return `${first}${identity}\n${volumesOf(report)}\n${generationsOf(report)}\nLost, or for you to look at:\n${report.losses.map((loss) => `  - ${loss}\n`).join('')}\n${next}`;
}

function volumesOf({ volumes }: RebuildReport): string {
  return table(
    ['VOLUME', 'DRIVER', 'SOURCE', 'PUBLISH DIRECTORY'],
    volumes.map(({ volume, driver, source, publishDirectory }) => [volume, driver, source, publishDirectory]),
  );
}

function generationsOf({ groups }: RebuildReport): string {
  const rows = groups.flatMap(({ group, newest, settings, generations }) => [
    [
      group,
      `numbers go on from ${String(newest + 1)}`,
      settings === 'unknown' ? 'settings unknown' : `settings: ${settings}`,
    ],
    ...generations.map(({ generation, state, taken, reasons }) => [
      `${group}@${String(generation)}`,
      taken ? state : 'not taken',
      reasons.join('; '),
    ]),
  ]);
  return table(['GROUP', 'STATE', ''], rows);
}
