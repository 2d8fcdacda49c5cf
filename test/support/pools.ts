/** Pools of ZFS in files, with the datasets of a world's volumes. */
import { truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { execFileSync } from 'node:child_process';

/** Sparse; ZFS keeps an eighth of a small pool for itself. */
const SIZE = 1 << 30;
const TRIES = 100;

export interface TestDataset {
  /** Of a dataset that holds the live one, `NAME/live`, and nothing else. */
  readonly dataset: string;
  readonly pool: string;
  /** Where it is mounted; the live one below it as `live`. */
  readonly mount: string;
  readonly image: string;
}

export class TestPools {
  readonly #directory: string;
  readonly #pools = new Map<number, string>();

  /** Files, mount points and names are this directory's. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  dataset(pool: number, name: string): TestDataset {
    const poolName = this.#pools.get(pool) ?? this.#make(pool);
    const dataset = `${poolName}/${name}`;
    const mount = join(this.#directory, name);
    zfs('create', '-o', `mountpoint=${mount}`, dataset);
    zfs('create', `${dataset}/live`);
    return { dataset, pool: poolName, mount, image: this.#imageOf(pool) };
  }

  #imageOf(pool: number): string {
    return join(this.#directory, `pool-${String(pool)}.img`);
  }

  #make(pool: number): string {
    // A name of a pool begins with a letter, and all pools of a machine have different ones.
    const name = `t${basename(this.#directory).replaceAll(/^.*-|[^A-Za-z0-9]/g, '')}${String(pool)}`;
    const image = this.#imageOf(pool);
    writeFileSync(image, '');
    truncateSync(image, SIZE);
    zpool('create', '-o', 'cachefile=none', '-O', 'mountpoint=none', name, image);
    this.#pools.set(pool, name);
    return name;
  }

  /** A process that was just killed may still be in a dataset for a moment. */
  destroy(): void {
    for (const [index, name] of this.#pools) {
      insist(() => zpool('destroy', '-f', name));
      this.#pools.delete(index);
    }
  }
}

export function zfs(...args: readonly string[]): string {
  return execFileSync('zfs', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

export function zpool(...args: readonly string[]): string {
  return execFileSync('zpool', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Does what the kernel may refuse for a moment more, of what has just ended. */
export function insist(act: () => void): void {
  for (let left = TRIES; ; left -= 1) {
    try {
      act();
      return;
    } catch (error) {
      if (left === 0) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    }
  }
}

/**
 * What a commit or a swap has left in the datasets below, by the names of ZFS itself: hidden snapshots, and trees that no name
 * shows; but for those that go with the last that depends on them.
 */
export function leftInDatasets(dataset: string): readonly string[] {
  const lines = zfs(
    'list',
    '-H',
    '-r',
    '-t',
    'filesystem,snapshot',
    '-o',
    'name,defer_destroy,snapcommit:dead,snapcommit:entry',
    dataset,
  );
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'))
    .filter(([name = '', deferred = '-', dead = '-', entry = '-']) =>
      name.includes('@')
        ? deferred !== 'on' && /@\.(staged|trash|clone):-/.test(name)
        : dead !== 'on' && /\/\.snapcommit-tree-[^/]*$/.test(name) && /^\.(staged|trash|clone)~/.test(entry),
    )
    .map(([name = '', , , entry = '']) => `${name} (${entry}) is left over`);
}
