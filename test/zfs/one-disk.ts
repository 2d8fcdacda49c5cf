/**
 * A world on one disk: a device-mapper device with three slices, the state directory (ext4), a btrfs and a pool of ZFS. One
 * disk, because one log of its writes then orders those of all three. Runs inside a guest: it needs device-mapper.
 */
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { makeCgroup, type TestCgroup } from '../support/cgroups.js';
import { cli, startCli } from '../support/run-cli.js';
import { temporaryDirectory } from '../support/temp.js';
import { mark, readMarker, tool, unmountPatiently, type WorldParts, type WorldVolume } from '../support/world.js';

const SECTOR = 512;
const MIB = 1 << 20;
/** In MiB. */
const SLICES = { state: 64, db: 256, wal: 256 } as const;
const SIZE_MIB = Object.values(SLICES).reduce((sum, size) => sum + size, 0);
const SECTORS = (SIZE_MIB * MIB) / SECTOR;
const names = Object.keys(SLICES) as (keyof typeof SLICES)[];

export class OneDiskWorld implements WorldParts {
  readonly directory: string;
  readonly stateDirectory: string;
  readonly volumes: readonly WorldVolume[];
  readonly cgroup: TestCgroup;
  readonly #id: string;
  readonly #loops: string[] = [];
  readonly #mounted: string[] = [];
  readonly #image: string;
  #slicesOn: string | null = null;

  constructor(t: Test) {
    this.directory = temporaryDirectory(t, 'disk');
    this.#id = this.directory.replaceAll(/^.*-|[^A-Za-z0-9]/g, '');
    this.#image = join(this.directory, 'disk.img');
    this.stateDirectory = join(this.directory, 'state', 'snapcommit');
    this.volumes = [this.#volume('db', null), this.#volume('wal', this.#pool)];
    t.teardown(() => {
      this.leave();
      for (const name of [this.#disk, this.#check]) this.#removeMapping(name);
      for (const loop of this.#loops.splice(0)) tool('losetup', '--detach', loop);
    });
    this.cgroup = makeCgroup(t);
    for (const name of names) mkdirSync(join(this.directory, name));
    this.#table(this.#disk, `0 ${String(SECTORS)} linear ${this.#loop(this.#image, SIZE_MIB)} 0`);
    this.#slice(this.#disk);
  }

  get #disk(): string {
    return `disk-${this.#id}`;
  }

  get #check(): string {
    return `check-${this.#id}`;
  }

  get #pool(): string {
    return `pool${this.#id}`;
  }

  #volume(name: string, dataset: string | null): WorldVolume {
    const mount = join(this.directory, name);
    return { name, image: '', mount, live: join(mount, 'live'), publish: join(mount, '.snapcommit', name), dataset };
  }

  /** A loop device over a new file. */
  #loop(file: string, sizeMiB: number): string {
    writeFileSync(file, '');
    truncateSync(file, sizeMiB * MIB);
    return this.#loopOver(file);
  }

  #loopOver(file: string): string {
    const loop = tool('losetup', '--find', '--show', file).trim();
    this.#loops.push(loop);
    return loop;
  }

  #table(name: string, table: string): void {
    tool('dmsetup', 'create', name, '--table', table);
  }

  #device(slice: string): string {
    return `/dev/mapper/${slice}-${this.#id}`;
  }

  /** Cuts the slices out of a device. */
  #slice(name: string): void {
    let at = 0;
    for (const slice of names) {
      const length = (SLICES[slice] * MIB) / SECTOR;
      this.#table(`${slice}-${this.#id}`, `0 ${String(length)} linear /dev/mapper/${name} ${String(at)}`);
      at += length;
    }
    this.#slicesOn = name;
  }

  #removeMapping(name: string): void {
    if (tool('dmsetup', 'ls').includes(name)) tool('dmsetup', 'remove', '--retry', name);
  }

  /** Makes the filesystems, the log and the group `app`. */
  async make(): Promise<void> {
    tool('mkfs.ext4', '-q', this.#device('state'));
    tool('mkfs.btrfs', '--quiet', '-m', 'single', '-d', 'single', this.#device('db'));
    tool(
      'zpool',
      'create',
      '-o',
      'cachefile=none',
      '-O',
      `mountpoint=${join(this.directory, 'wal')}`,
      this.#pool,
      this.#device('wal'),
    );
    this.#mountPlain();
    tool('btrfs', '--quiet', 'subvolume', 'create', join(this.directory, 'db', 'live'));
    tool('zfs', 'create', `${this.#pool}/live`);
    this.mark('start');
    await this.cgroup.start('/usr/bin/sleep', 'infinity');
    await this.ask('init', '--node', 'host');
    for (const { name, live } of this.volumes) await this.ask('volume', 'add', name, '--source', live);
    const volumes = this.volumes.flatMap(({ name }) => ['--volume', name]);
    await this.ask('group', 'create', 'app', ...volumes, '--freeze-cgroup', this.cgroup.cgroup);
    await this.ask('commit', 'app');
  }

  #mountPlain(): void {
    for (const slice of ['state', 'db'] as const) {
      const point = join(this.directory, slice);
      tool('mount', this.#device(slice), point);
      this.#mounted.push(point);
    }
  }

  /** Takes the filesystems and the slices away. */
  leave(): void {
    if (this.#slicesOn === null) return;
    for (const point of this.#mounted.splice(0)) unmountPatiently(point);
    if (tool('zpool', 'list', '-H', '-o', 'name').split('\n').includes(this.#pool))
      tool('zpool', 'export', '-f', this.#pool);
    for (const slice of names) this.#removeMapping(`${slice}-${this.#id}`);
    // btrfs remembers devices by the filesystem's id: the next one with it is another.
    tool('btrfs', 'device', 'scan', '--forget');
    this.#slicesOn = null;
  }

  /** Runs `work` while every write is logged; gives the log, and a copy of the disk as it was before. */
  async logged(work: () => Promise<void>): Promise<{ log: string; before: string }> {
    const log = join(this.directory, 'writes.log');
    const before = join(this.directory, 'before.img');
    const [loop = ''] = this.#loops;
    const logLoop = this.#loop(log, 1024);
    this.sync();
    this.#swap(`log-writes ${loop} ${logLoop}`, () => {
      // No sync in here: it would wait for filesystems whose disk stands still.
      tool('cp', '--sparse=always', this.#image, before);
    });
    await work();
    this.sync();
    this.#swap(`linear ${loop} 0`, () => undefined);
    tool('losetup', '--detach', logLoop);
    this.#loops.splice(this.#loops.indexOf(logLoop), 1);
    return { log, before };
  }

  /** Puts another table under the running slices; `between` sees the disk stand still. */
  #swap(table: string, between: () => void): void {
    tool('dmsetup', 'suspend', this.#disk);
    try {
      between();
      tool('dmsetup', 'reload', this.#disk, '--table', `0 ${String(SECTORS)} ${table}`);
    } finally {
      tool('dmsetup', 'resume', this.#disk);
    }
  }

  /** Runs `work` on what an image holds, at the usual places; what is written there does not reach the image. */
  async on<T>(image: string, work: () => Promise<T>): Promise<T> {
    const origin = this.#loopOver(image);
    const changes = join(this.directory, 'changes.img');
    const cow = this.#loop(changes, 512);
    try {
      this.#table(this.#check, `0 ${String(SECTORS)} snapshot ${origin} ${cow} N 8`);
      this.#slice(this.#check);
      this.#mountPlain();
      tool('zpool', 'import', '-f', '-o', 'cachefile=none', '-d', this.#device('wal'), this.#pool);
      return await work();
    } finally {
      this.leave();
      this.#removeMapping(this.#check);
      for (const loop of [origin, cow]) {
        tool('losetup', '--detach', loop);
        this.#loops.splice(this.#loops.indexOf(loop), 1);
      }
      rmSync(changes);
    }
  }

  mark(marker: string): void {
    for (const { live } of this.volumes) mark(live, marker);
  }

  liveMarkers(): readonly string[] {
    return this.volumes.map(({ live }) => readMarker(live));
  }

  sync(): void {
    tool('sync', '--file-system', ...names.map((name) => join(this.directory, name)));
    // The pool's root dataset, which that flushes, is none of its others.
    tool('zpool', 'sync', this.#pool);
  }

  readonly cli: WorldParts['cli'] = async (args, options) =>
    cli(args, { stateDirectory: this.stateDirectory, ...options });

  readonly start: WorldParts['start'] = (args, options) =>
    startCli(args, { stateDirectory: this.stateDirectory, ...options });

  async ask(...args: readonly string[]): Promise<void> {
    const { status, stdout, stderr } = await this.cli(args);
    if (status !== 0) throw new Error(`snapcommit ${args.join(' ')}: ${String(status)} ${stdout}${stderr}`);
  }
}
