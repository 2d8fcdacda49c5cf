// What the story plays on: volumes in a private temporary directory, a writer, and their removal whatever happens.
import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cgroupMount, retry } from '../lib/system.mjs';

export const VOLUMES = ['db', 'wal'];

export class Stage {
  directory = mkdtempSync(join(tmpdir(), 'snapcommit-demo-'));
  stateDirectory = join(this.directory, 'state');
  /** The writer's cgroup below the cgroup2 mount; null where there is none. */
  cgroup = null;
  #isBtrfs;
  #mounted = [];
  #cgroupPath = null;
  #writer = null;
  #name;
  #volumes;

  /** `directory`: plain directories instead of btrfs; `name`: of the machine, where a story has several. */
  constructor({ directory, name = '', volumes = VOLUMES }) {
    this.#isBtrfs = !directory;
    this.#name = name;
    this.#volumes = volumes;
  }

  live(volume) {
    return join(this.directory, volume, 'live');
  }

  makeVolumes() {
    for (const volume of this.#volumes) {
      const mount = join(this.directory, volume);
      mkdirSync(mount);
      if (this.#isBtrfs) this.#makeBtrfs(mount);
      else mkdirSync(this.live(volume));
    }
  }

  #makeBtrfs(mount) {
    const image = `${mount}.img`;
    writeFileSync(image, '');
    truncateSync(image, 256 * 1024 * 1024);
    tool('mkfs.btrfs', '--quiet', image);
    tool('mount', '-o', 'loop', image, mount);
    this.#mounted.push(mount);
    tool('btrfs', '--quiet', 'subvolume', 'create', join(mount, 'live'));
  }

  /** Starts a program that writes the same counter into a file on each volume, first db, then wal, for ever. */
  async startWriter() {
    const procs = this.#isBtrfs ? [this.#makeCgroup()] : [];
    await this.#start([process.execPath, join(import.meta.dirname, 'writer.mjs'), ...this.#lives(), ...procs]);
  }

  /**
   * The same over several machines: `own` is where the writer hears the one before it, `next` where the one after it does,
   * `within` the program that runs it on its machine's network.
   */
  async startRelay({ own, next, within }) {
    const program = join(import.meta.dirname, 'relay.mjs');
    await this.#start([
      ...within,
      process.execPath,
      program,
      this.#makeCgroup(),
      own ?? '-',
      next ?? '-',
      ...this.#lives(),
    ]);
  }

  #lives() {
    return this.#volumes.map((volume) => this.live(volume));
  }

  async #start([file, ...args]) {
    const writer = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#writer = writer;
    await new Promise((resolve, reject) => {
      writer.stdout.once('data', resolve);
      writer.once('exit', () => reject(new Error('the writer did not start')));
    });
  }

  /** Ends the writer. */
  async stop() {
    const writer = this.#writer;
    if (writer === null || writer.exitCode !== null || writer.signalCode !== null) return;
    const gone = new Promise((resolve) => writer.once('exit', resolve));
    writer.kill('SIGKILL');
    await gone;
    this.#writer = null;
  }

  /** Makes the writer's cgroup where there is none yet; the file through which a process joins it. */
  #makeCgroup() {
    if (this.#cgroupPath === null) {
      this.cgroup = `/snapcommit-demo-${String(process.pid)}${this.#name}`;
      this.#cgroupPath = join(cgroupMount(), this.cgroup);
      mkdirSync(this.#cgroupPath);
    }
    return join(this.#cgroupPath, 'cgroup.procs');
  }

  /** Takes away everything that was made here. Synchronous, so that it also works at the end of an interrupted run. */
  clean() {
    this.#writer?.kill('SIGKILL');
    if (this.#cgroupPath !== null && existsSync(this.#cgroupPath)) this.#removeCgroup(this.#cgroupPath);
    for (const mount of this.#mounted) retry(() => tool('umount', mount));
    this.#mounted = [];
    rmSync(this.directory, { recursive: true, force: true });
  }

  #removeCgroup(path) {
    writeFileSync(join(path, 'cgroup.freeze'), '0');
    writeFileSync(join(path, 'cgroup.kill'), '1');
    retry(() => rmdirSync(path));
  }
}

/** The counters that stand in these trees. */
export function readCounters(trees) {
  return Object.fromEntries(
    Object.entries(trees).map(([name, tree]) => [name, Number(readFileSync(join(tree, 'counter'), 'utf8'))]),
  );
}

function tool(file, ...args) {
  const result = spawnSync(file, args, { encoding: 'utf8' });
  if (result.error !== undefined) throw result.error;
  if (result.status !== 0) throw new Error(`${file} ${args.join(' ')}: ${result.stderr}`);
}
