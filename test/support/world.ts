/**
 * A small machine of its own for a test: two real volumes (btrfs in files on loop devices, unless SNAPCOMMIT_TEST_VOLUMES
 * says otherwise), a state directory (on an ext4
 * image of its own where power losses are played), a frozen writer's cgroup, hooks, and the group `app` over both.
 *
 * Every live volume carries a marker file; which generation a tree belongs to can so be read from outside.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { atEnd } from './at-end.js';
import { makeCgroup, type TestCgroup } from './cgroups.js';
import { TestPools, zfs } from './pools.js';
import { cli, startCli, type CliOptions, type CliResult, type RunningCli } from './run-cli.js';
import { kindOf, type VolumeKind } from './volume-kinds.js';

export interface WorldOptions {
  readonly volumes?: readonly string[];
  /** The state directory lies on an ext4 image of its own. */
  readonly stateOnImage?: boolean;
  /** The group freezes a cgroup with a process in it. */
  readonly freeze?: boolean;
  /** The group has a pre- and a post-hook, which append a line to `hooks.log`. */
  readonly hooks?: boolean;
  readonly sizeMiB?: number;
  /** What the volumes are made of, whatever the environment says; see volume-kinds.ts. */
  readonly kinds?: 'zfs' | 'mixed';
}

export interface WorldVolume {
  readonly name: string;
  readonly image: string;
  readonly mount: string;
  readonly live: string;
  readonly publish: string;
  /** The dataset that `mount` is, which holds the live one; null on btrfs. */
  readonly dataset: string | null;
}

const MARKER = 'marker';

export class World {
  readonly directory: string;
  readonly stateDirectory: string;
  readonly stateImage: string | null;
  readonly volumes: readonly WorldVolume[];
  readonly cgroup: TestCgroup | null;
  readonly hookLog: string;
  /** Mount points, in the order of mounting. */
  readonly mounted: string[] = [];
  readonly #pools: TestPools;

  constructor(t: Test, options: WorldOptions) {
    this.directory = mkdtempSync(join(tmpdir(), 'snapcommit-world-'));
    t.teardown(
      atEnd(() => {
        this.unmount();
        rmSync(this.directory, { recursive: true, force: true });
      }),
    );
    this.hookLog = join(this.directory, 'hooks.log');
    this.#pools = new TestPools(this.directory);
    this.volumes = (options.volumes ?? ['db', 'wal']).map((name, index) =>
      this.#makeVolume(name, kindOf(index, options.kinds), options.sizeMiB ?? 200),
    );
    this.stateImage = options.stateOnImage === true ? this.#makeStateImage() : null;
    this.stateDirectory = join(this.directory, 'state', 'snapcommit');
    mkdirSync(join(this.directory, 'state'), { recursive: true });
    this.cgroup = options.freeze === true ? makeCgroup(t) : null;
  }

  #makeVolume(name: string, chosen: VolumeKind, sizeMiB: number): WorldVolume {
    if (chosen.kind === 'btrfs') return makeVolume(this.directory, name, sizeMiB, (point) => this.mounted.push(point));
    const { dataset, mount, image } = this.#pools.dataset(chosen.pool, name);
    const live = join(mount, 'live');
    mark(live, 'start');
    return { name, image, mount, live, publish: join(mount, '.snapcommit', name), dataset };
  }

  #makeStateImage(): string {
    const image = join(this.directory, 'state.img');
    writeFileSync(image, '');
    truncateSync(image, 32 * 1024 * 1024);
    tool('mkfs.ext4', '-q', '-F', image);
    mkdirSync(join(this.directory, 'state'));
    this.mount(image, join(this.directory, 'state'));
    return image;
  }

  mount(image: string, point: string): void {
    mountImage(image, point);
    this.mounted.push(point);
  }

  unmount(): void {
    for (const point of this.mounted.splice(0).reverse()) unmountPatiently(point);
    this.#pools.destroy();
  }

  /** Takes a volume's disk away for good. */
  lose(name: string): void {
    const { mount, dataset } = this.volume(name);
    if (dataset !== null) {
      zfs('unmount', '-f', dataset);
      return;
    }
    this.mounted.splice(this.mounted.indexOf(mount), 1);
    unmountPatiently(mount);
  }

  volume(name: string): WorldVolume {
    const found = this.volumes.find((volume) => volume.name === name);
    if (found === undefined) throw new Error(`no volume ${name} in this world`);
    return found;
  }

  async cli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
    return cli(args, { stateDirectory: this.stateDirectory, ...options });
  }

  start(args: readonly string[], options: CliOptions = {}): RunningCli {
    return startCli(args, { stateDirectory: this.stateDirectory, ...options });
  }

  /** A command that must succeed; its --json document. */
  async ask(...args: readonly string[]): Promise<unknown> {
    const result = await this.cli(['--json', ...args]);
    if (result.status === 0) return result.json;
    throw new Error(`snapcommit ${args.join(' ')}: status ${String(result.status)} ${result.stdout}${result.stderr}`);
  }

  /** Writes the marker into every live tree. */
  mark(marker: string): void {
    for (const { live } of this.volumes) mark(live, marker);
  }

  /** Writes out what the test itself has written. */
  sync(): void {
    tool('sync', '--file-system', this.stateDirectory, ...this.volumes.map(({ mount }) => mount));
  }

  liveMarkers(): readonly string[] {
    return this.volumes.map(({ live }) => readMarker(live));
  }
}

/** What the operations and the checks use of a world; that of test/vm outlives its process, and boots again. */
export type WorldParts = Pick<
  World,
  'directory' | 'stateDirectory' | 'volumes' | 'mark' | 'liveMarkers' | 'cli' | 'start' | 'sync'
> & { readonly cgroup: Pick<TestCgroup, 'requested' | 'frozen'> | null };

/** A btrfs of its own in a file, mounted, with a live volume in it; `mounted` hears of the mount point at once. */
export function makeVolume(
  directory: string,
  name: string,
  sizeMiB: number,
  mounted: (point: string) => void,
): WorldVolume {
  const mount = join(directory, name);
  const image = `${mount}.img`;
  writeFileSync(image, '');
  truncateSync(image, sizeMiB * 1024 * 1024);
  tool('mkfs.btrfs', '--quiet', '-m', 'single', '-d', 'single', image);
  mkdirSync(mount);
  mountImage(image, mount);
  mounted(mount);
  tool('btrfs', '--quiet', 'subvolume', 'create', join(mount, 'live'));
  const live = join(mount, 'live');
  mark(live, 'start');
  return { name, image, mount, live, publish: join(mount, '.snapcommit', name), dataset: null };
}

export function mountImage(image: string, point: string): void {
  tool('mount', '-o', 'loop', image, point);
}

/** Writes the marker into a tree. */
export function mark(tree: string, marker: string): void {
  writeFileSync(join(tree, MARKER), marker);
}

/** The marker of a tree. */
export function readMarker(tree: string): string {
  return readFileSync(join(tree, MARKER), 'utf8').trim();
}

/** A world whose log is initialised and whose group `app` stands. */
export async function makeWorld(t: Test, options: WorldOptions = {}): Promise<World> {
  const world = new World(t, options);
  await world.cgroup?.start('/usr/bin/sleep', 'infinity');
  await world.ask('init', '--node', 'host');
  // On emulated processors what others swap takes as much longer as they are slower.
  const patience = process.env['SNAPCOMMIT_TEST_PATIENCE_SECONDS'];
  if (patience !== undefined)
    writeFileSync(join(world.stateDirectory, 'config.json'), JSON.stringify({ lockWaitMs: Number(patience) * 1000 }), {
      mode: 0o600,
    });
  for (const { name, live } of world.volumes) await world.ask('volume', 'add', name, '--source', live);
  const volumes = world.volumes.flatMap(({ name }) => ['--volume', name]);
  const freeze = world.cgroup === null ? [] : ['--freeze-cgroup', world.cgroup.cgroup];
  const hooks = options.hooks === true ? makeHooks(world) : [];
  await world.ask('group', 'create', 'app', ...volumes, ...freeze, ...hooks);
  return world;
}

function makeHooks(world: World): readonly string[] {
  return ['pre', 'post'].flatMap((phase) => {
    const file = join(world.directory, `${phase}-hook`);
    const line = `$SNAPCOMMIT_PHASE $SNAPCOMMIT_TRANSACTION $SNAPCOMMIT_OUTCOME $SNAPCOMMIT_RECOVERED`;
    writeFileSync(file, `#!/bin/sh\necho "${line}" >> ${world.hookLog}\n`);
    chmodSync(file, 0o755);
    return [`--${phase}-hook`, file];
  });
}

export function tool(file: string, ...args: readonly string[]): string {
  return execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** A process that was just killed may still hold the mount for a moment. */
export function unmountPatiently(point: string): void {
  if (!existsSync(point)) return;
  for (let left = 200; ; left -= 1) {
    try {
      tool('umount', point);
      return;
    } catch (error) {
      if (left === 0) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 25);
    }
  }
}
