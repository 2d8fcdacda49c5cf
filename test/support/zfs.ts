/** A ZFS pool in a file, for one test file. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { insist } from './pools.js';
import { requireZfs } from './requirements.js';
import { temporaryDirectory } from './temp.js';

/** Sparse. */
const POOL_BYTES = 512 * 1024 * 1024;

export interface ZfsPool {
  readonly pool: string;
  /** Where the pool's root dataset is mounted; children below it. */
  readonly mount: string;
  readonly directory: string;
  /** Makes a dataset `POOL/NAME`; answers its mount point. */
  readonly dataset: (name: string, ...options: readonly string[]) => string;
  /** Takes every mount below a dataset away, and the dataset with all that depends on it. */
  readonly destroy: (name: string) => void;
}

let made = 0;

export function zfs(...args: readonly string[]): string {
  return execFileSync(programs().zfs, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

export function zpool(...args: readonly string[]): string {
  return execFileSync(programs().zpool, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** What `zfs get` tells of one property. */
export function property(dataset: string, name: string): string {
  return zfs('get', '-H', '-p', '-o', 'value', name, dataset).trim();
}

function programs(): { readonly zfs: string; readonly zpool: string } {
  return { zfs: '/sbin/zfs', zpool: '/sbin/zpool' };
}

/** Makes a pool, destroyed at the end of `t`. */
export function makePool(t: Test, ...options: readonly string[]): ZfsPool {
  requireZfs(t);
  const directory = temporaryDirectory(t, 'zfs');
  const image = join(directory, 'pool.img');
  const mount = join(directory, 'mnt');
  mkdirSync(mount);
  writeFileSync(image, '');
  truncateSync(image, POOL_BYTES);
  made += 1;
  const pool = `sc${basename(directory).replaceAll(/^.*-|[^A-Za-z0-9]/g, '')}${String(made)}`;
  zpool('create', '-o', 'cachefile=none', '-O', `mountpoint=${mount}`, ...options, pool, image);
  t.teardown(() => {
    // A command's own mounts are taken away a little after its end.
    insist(() => zpool('destroy', '-f', pool));
  });
  return {
    pool,
    mount,
    directory,
    dataset: (name, ...given) => {
      zfs('create', ...given, `${pool}/${name}`);
      return property(`${pool}/${name}`, 'mountpoint');
    },
    destroy: (name) => {
      zfs('destroy', '-R', '-f', `${pool}/${name}`);
    },
  };
}

const CHILD = fileURLToPath(new URL('driver-zfs-child.js', import.meta.url));

/** Calls a method of the driver in a process of its own, which dies at `point`. */
export function crashAt(point: string, method: string, ...values: readonly unknown[]): void {
  const request = JSON.stringify({ method, values });
  const environment = { ...process.env, SNAPCOMMIT_CRASH_AT: point };
  const { signal, stderr } = spawnSync(process.execPath, [CHILD, request], { env: environment, encoding: 'utf8' });
  if (signal !== 'SIGKILL') throw new Error(`was not killed at ${point}: ${stderr}`);
}

/** The lines of this namespace's table of mounts for what is mounted at `path`. */
export function mountLinesAt(path: string): readonly string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.split(' ')[4] === path);
}
