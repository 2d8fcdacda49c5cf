/**
 * A cgroup's freezer kept open: looking and thawing while writers stand still must not wait for paths to be looked up.
 * What is open stays the cgroup that it was; whether the path still leads there is asked each time. Imports node:fs and
 * nothing of ours but the target's type and identity, as all that the guard loads.
 */
import { openSync, readSync, writeSync } from 'node:fs';
import { cgroupInode, type CgroupTarget } from './cgroup-files.js';

export interface OpenCgroup {
  readonly target: CgroupTarget;
  readonly freezer: number;
  readonly events: number;
}

export function openCgroup(target: CgroupTarget): OpenCgroup {
  return {
    target,
    freezer: openSync(`${target.directory}/cgroup.freeze`, 'r+'),
    events: openSync(`${target.directory}/cgroup.events`, 'r'),
  };
}

const bytes = Buffer.alloc(256);

function read(file: number): string {
  return bytes.toString('latin1', 0, readSync(file, bytes, 0, bytes.length, 0));
}

/** Whether it stands still by a freeze, and is what the path leads to. False also where it cannot be read. */
export function isHeld({ target, freezer, events }: OpenCgroup): boolean {
  try {
    const isSame = cgroupInode(target.directory) === target.inode;
    return isSame && read(freezer).startsWith('1') && read(events).includes('frozen 1');
  } catch {
    return false;
  }
}

/** Thaws. Throws when the write fails. */
export function letGo({ freezer }: OpenCgroup): void {
  writeSync(freezer, '0', 0);
}
