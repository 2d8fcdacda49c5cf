/**
 * A real btrfs in a file on a loop device, in a private temporary directory, for one test. Everything is taken away
 * again by t.teardown, also after a failure. Needs root: where it is missing, the test fails.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';

export interface TestBtrfs {
  /** Where the filesystem's top level is mounted. */
  readonly mount: string;
  readonly image: string;
  readonly loop: string;
  /** A private directory outside of the filesystem, deleted at the end. */
  readonly outside: string;
  /** Makes a subvolume below the mount and returns its path. */
  subvolume(name: string): string;
  /** Mounts a subvolume at a new mount point outside, with these options, and returns the mount point. */
  mountSubvolume(name: string, options?: string): string;
  /** What a power loss now would leave: the image as the device holds it, mounted on a device of its own. */
  afterPowerLoss(): string;
}

/** Runs a program without a shell; its output. */
export function run(program: string, ...values: readonly string[]): string {
  return execFileSync(program, values, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

export function makeBtrfs(t: Test, { sizeMiB = 256 }: { readonly sizeMiB?: number } = {}): TestBtrfs {
  const outside = mkdtempSync(join(tmpdir(), 'snapcommit-btrfs-'));
  const loops: string[] = [];
  t.teardown(() => {
    const held = unmountAllBelow(outside);
    for (const loop of loops) run('losetup', '--detach', loop);
    rmSync(outside, { recursive: true });
    if (held.length > 0) throw new Error(`the test still uses ${held.join(', ')}`);
  });

  const attach = (image: string, mount: string): string => {
    const loop = run('losetup', '--find', '--show', image).trim();
    loops.push(loop);
    mkdirSync(mount);
    run('mount', '-t', 'btrfs', loop, mount);
    return loop;
  };

  const image = join(outside, 'image');
  writeFileSync(image, '');
  truncateSync(image, sizeMiB * 1024 * 1024);
  run('mkfs.btrfs', '--quiet', image);
  const mount = join(outside, 'top');
  const loop = attach(image, mount);
  let made = 0;

  return {
    mount,
    image,
    loop,
    outside,
    subvolume: (name) => {
      run('btrfs', '--quiet', 'subvolume', 'create', join(mount, name));
      return join(mount, name);
    },
    mountSubvolume: (name, options = 'defaults') => {
      const point = join(outside, `point-${String(++made)}`);
      mkdirSync(point);
      run('mount', '-t', 'btrfs', '-o', `subvol=${name},${options}`, loop, point);
      return point;
    },
    afterPowerLoss: () => {
      const copy = join(outside, `copy-${String(++made)}`);
      run('cp', '--sparse=always', image, copy);
      attach(copy, `${copy}.mounted`);
      return `${copy}.mounted`;
    },
  };
}

/** Unmounts what is mounted below; returns what was in use and went only from sight. */
function unmountAllBelow(directory: string): readonly string[] {
  const inUse: string[] = [];
  // Looked up each time: where mounts are shared, one that goes can take its copies along.
  for (let point = deepestMountBelow(directory); point !== undefined; point = deepestMountBelow(directory)) {
    try {
      run('umount', point);
    } catch {
      run('umount', '--lazy', point);
      inUse.push(point);
    }
  }
  return inUse;
}

function deepestMountBelow(directory: string): string | undefined {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => point.startsWith(`${directory}/`))
    .sort((one, other) => other.length - one.length)
    .at(0);
}
