// Where the benchmark happens: btrfs volumes on loop devices, a cgroup of writers, compiled helpers; all taken away again.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../lib/files.mjs';
import { cgroupMount, retry } from '../lib/system.mjs';

export const cli = join(root, 'bin', 'snapcommit.js');

export class Lab {
  directory = mkdtempSync(join(tmpdir(), 'snapcommit-bench-'));
  #mounted = [];
  #cgroups = [];
  #children = [];

  /** A btrfs of its own with one subvolume `live`; its mount point. */
  volume(name) {
    const mount = join(this.directory, name);
    mkdirSync(mount);
    writeFileSync(`${mount}.img`, '');
    truncateSync(`${mount}.img`, 512 * 1024 * 1024);
    tool('mkfs.btrfs', '--quiet', `${mount}.img`);
    tool('mount', '-o', 'loop', `${mount}.img`, mount);
    this.#mounted.push(mount);
    tool('btrfs', '--quiet', 'subvolume', 'create', join(mount, 'live'));
    mkdirSync(join(mount, 'floor'));
    return mount;
  }

  /** Compiles a C program of this folder. */
  compile(name) {
    const program = join(this.directory, `${name}.program`);
    tool('gcc', '-O2', '-o', program, join(import.meta.dirname, `${name}.c`), '-lpthread', '-ldl');
    return program;
  }

  /** A cgroup below the cgroup2 mount: its path there and in the file system. */
  cgroup(name) {
    const path = `/snapcommit-bench-${String(process.pid)}-${name}`;
    const directory = join(cgroupMount(), path);
    mkdirSync(directory);
    this.#cgroups.push(directory);
    return { path, directory };
  }

  start(cgroup, file, ...args) {
    const child = spawn(file, args, { stdio: 'ignore' });
    this.#children.push(child);
    writeFileSync(join(cgroup.directory, 'cgroup.procs'), String(child.pid));
    return child;
  }

  async stop(child) {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  clean() {
    for (const child of this.#children) child.kill('SIGKILL');
    for (const cgroup of this.#cgroups) {
      writeFileSync(join(cgroup, 'cgroup.freeze'), '0');
      retry(() => rmdirSync(cgroup));
    }
    for (const mount of this.#mounted) retry(() => tool('umount', mount));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export function tool(file, ...args) {
  const result = spawnSync(file, args, { encoding: 'utf8' });
  if (result.error !== undefined) throw result.error;
  if (result.status !== 0) throw new Error(`${file} ${args.join(' ')}: ${result.stderr}${result.stdout}`);
  return result.stdout;
}

export function snapcommit(stateDirectory, ...args) {
  return tool(process.execPath, cli, '--state-dir', stateDirectory, ...args);
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
