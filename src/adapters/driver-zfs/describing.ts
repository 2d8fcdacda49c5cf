/**
 * What ZFS tells of datasets. Volumes of one pool that want to know at the same time share a `zfs get`, and each gets its own
 * part; a pool that has lost its disks holds up nobody else's. Where a shared call fails for more than what is not there, each
 * asks for itself, so that the failure is told to whom it concerns.
 */
import { isAbsence, meaningOf } from './failures.js';
import { gathering } from './gathering.js';
import { parentOf, poolOf, splitSnapshot } from './names.js';
import { ASKED, COLUMNS, parseProperties, type Dataset } from './properties.js';
import type { ZfsFailure } from './zfs-failure.js';

/** What is told beside a dataset itself: what lies directly below it and is of these types. */
export type Below = 'nothing' | 'filesystem,snapshot' | 'filesystem,volume';

/** What there is of `datasets`; those that there are not are left out. @throws ZfsFailure */
export type Describe = (datasets: readonly string[], below?: Below) => Promise<readonly Dataset[]>;

type Attempt = (args: readonly string[]) => Promise<{ readonly output: string; readonly failure: ZfsFailure | null }>;

interface Told {
  readonly found: readonly Dataset[];
  readonly failure: ZfsFailure | null;
  readonly isShared: boolean;
}

export function describing(attempt: Attempt): Describe {
  const call = async (datasets: readonly string[], below: Below, isShared: boolean): Promise<Told> => {
    const options = below === 'nothing' ? [] : ['-d', '1', '-t', below];
    const names = [...new Set(datasets)];
    const { output, failure } = await attempt([
      'get',
      '-H',
      '-p',
      ...options,
      '-o',
      COLUMNS,
      ASKED.join(','),
      ...names,
    ]);
    return { found: parseProperties(output), failure, isShared };
  };
  const gathered = gathering<readonly string[], Told>();
  return async (datasets, below = 'nothing') => {
    const pools = new Set(datasets.map((dataset) => poolOf(dataset)));
    const bytes = datasets.reduce((sum, dataset) => sum + Buffer.byteLength(dataset) + 1, 0);
    const shared = await gathered([below, ...pools].join(' '), datasets, bytes, async (all) =>
      call(all.flat(), below, all.length > 1),
    );
    const isEverybodys = shared.failure === null || isAbsence(shared.failure);
    // after the wait, so that the program keeps the locks of who asks, and of nobody else
    const { found, failure } = shared.isShared && !isEverybodys ? await call(datasets, below, false) : shared;
    if (failure !== null && meaningOf(failure) !== 'absent') throw failure;
    const own = new Set(datasets);
    return found.filter(({ name }) => isPartOf(name, own, below));
  };
}

function isPartOf(name: string, datasets: ReadonlySet<string>, below: Below): boolean {
  if (datasets.has(name)) return true;
  const above = splitSnapshot(name)?.dataset ?? parentOf(name);
  return below !== 'nothing' && above !== null && datasets.has(above);
}
