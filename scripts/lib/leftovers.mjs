// What tests could leave on the machine: loop devices, mounts, cgroups, processes and temporary directories.
// Reads only; cleaning up is the tests' own work.
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './files.mjs';

/** Where programs of this checkout are started from. */
export const programRoots = [root];

/** Everything that would count as left behind if it had not been there before: one line of text each. */
export function machineState() {
  return new Set([...loopDevices(), ...mounts(), ...cgroups(), ...processes(), ...temporaryFiles()]);
}

function loopDevices() {
  return namesIn('/sys/block')
    .filter((name) => name.startsWith('loop'))
    .map((name) => [name, textOrNull(join('/sys/block', name, 'loop', 'backing_file'))])
    .filter(([, file]) => file !== null)
    .map(([name, file]) => `loop device /dev/${name} over ${file}`);
}

function mountTable() {
  return (textOrNull('/proc/self/mountinfo') ?? '').split('\n').flatMap((line) => {
    const [before, after] = line.split(' - ');
    const point = before?.split(' ')[4];
    const [type, source] = (after ?? '').split(' ');
    return point === undefined || type === undefined ? [] : [{ point, type, source }];
  });
}

function mounts() {
  return mountTable().map(({ point, type, source }) => `mount ${point} (${type}, ${source})`);
}

function cgroups() {
  const mount = mountTable().find(({ type }) => type === 'cgroup2');
  return mount === undefined ? [] : cgroupsBelow(mount.point);
}

function cgroupsBelow(directory) {
  return directoriesIn(directory).flatMap((name) => {
    const path = join(directory, name);
    return [...(name.startsWith('snapcommit') ? [`cgroup ${path}`] : []), ...cgroupsBelow(path)];
  });
}

function processes() {
  return namesIn('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => isOurs(pid))
    .map((pid) => `process ${pid}: ${commandOf(pid)}`);
}

/** Programs of this checkout: what the product or a test has started (a guard, say), also in another session. */
function isOurs(pid) {
  try {
    const command = commandOf(pid);
    return programRoots.some((at) => ['dist', 'build', 'bin'].some((name) => command.includes(`${join(at, name)}/`)));
  } catch {
    return false;
  }
}

function commandOf(pid) {
  try {
    return readFileSync(join('/proc', pid, 'cmdline'), 'utf8')
      .replaceAll('\0', ' ')
      .trim();
  } catch {
    return '';
  }
}

function temporaryFiles() {
  return namesIn(tmpdir())
    .filter((name) => name.startsWith('snapcommit'))
    .map((name) => `temporary ${join(tmpdir(), name)}`);
}

function namesIn(directory) {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function directoriesIn(directory) {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}

function textOrNull(file) {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return null;
  }
}

/** Follows what appears on the machine while test files run, and which files were running when it did. */
export class LeftoverWatch {
  #before = machineState();
  #known = new Map();
  #running = new Set();

  started(file) {
    this.#look();
    this.#running.add(file);
  }

  ended(file) {
    this.#look();
    this.#running.delete(file);
  }

  /** What is still there after a moment's grace (loop devices detach a little after their last user). */
  async remaining() {
    this.#look();
    for (let attempt = 0; attempt < 20; attempt += 1) {
      if (this.#present().length === 0) return [];
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return this.#present().map(([thing, suspects]) => `${thing}: left behind by ${[...suspects].join(' or ')}`);
  }

  #look() {
    for (const thing of machineState()) {
      if (!this.#before.has(thing) && !this.#known.has(thing)) this.#known.set(thing, new Set(this.#running));
    }
  }

  #present() {
    const now = machineState();
    return [...this.#known].filter(([thing]) => now.has(thing));
  }
}
