/**
 * What a test file needs of its machine. Call these first in the file, with tap's own `t`.
 *
 * With CI=true a lack ends the file as a failure: there nothing may be left out. Elsewhere the file ends cleanly and
 * says what it lacks, and the runner counts it as skipped.
 */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';

const COMMAND_DIRECTORIES = ['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/local/sbin', '/usr/local/bin'];

/** Ends the file unless it runs as root. */
export function requireRoot(t: Test): void {
  if (process.getuid?.() !== 0) endWithout(t, 'root');
}

/** Ends the file unless `command` is installed; returns its absolute path. */
export function requireCommand(t: Test, command: string): string {
  const found = COMMAND_DIRECTORIES.map((directory) => join(directory, command)).find(isExecutable);
  return found ?? endWithout(t, `the command ${command}`);
}

/** Ends the file unless btrfs volumes can be made here: root, loop devices, btrfs in the kernel, and its tools. */
export function requireBtrfs(t: Test): void {
  requireRoot(t);
  requireLoopDevices(t);
  requireCommand(t, 'mkfs.btrfs');
  if (!/^\s*btrfs$/m.test(readFileSync('/proc/filesystems', 'utf8')) && !existsSync('/sys/fs/btrfs')) {
    endWithout(t, 'btrfs in the kernel (modprobe btrfs)');
  }
}

let isZfsNamed = false;

/** Ends the file unless pools of ZFS can be made here: root, its module and its programs. Names the version in the output. */
export function requireZfs(t: Test): void {
  requireRoot(t);
  requireCommand(t, 'zfs');
  requireCommand(t, 'zpool');
  if (!existsSync('/dev/zfs')) endWithout(t, 'ZFS in the kernel (modprobe zfs)');
  if (!isZfsNamed) t.comment(`OpenZFS ${zfsVersion()}`);
  isZfsNamed = true;
}

/** Of the kernel's module, such as `2.1.11-1`. */
export function zfsVersion(): string {
  return readFileSync('/sys/module/zfs/version', 'utf8').trim();
}

/** Whether channel programs can rename: from OpenZFS 2.2 on. */
export function zfsProgramsRename(): boolean {
  const [major = 0, minor = 0] = zfsVersion().split('.').map(Number);
  return major > 2 || (major === 2 && minor >= 2);
}

/** Ends the file unless files can be mounted. */
export function requireLoopDevices(t: Test): void {
  requireRoot(t);
  requireCommand(t, 'losetup');
  if (!existsSync('/dev/loop-control')) endWithout(t, 'loop devices (/dev/loop-control)');
}

/** Ends the file unless there is a cgroup v2 hierarchy that we may write; returns where it is mounted. */
export function requireCgroups(t: Test): string {
  requireRoot(t);
  const line = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find((candidate) => candidate.includes(' - cgroup2 '));
  return line?.split(' ')[4] ?? endWithout(t, 'a cgroup2 mount');
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function endWithout(t: Test, what: string): never {
  const message = `this file needs ${what}`;
  if (process.env['CI'] === 'true') t.bailout(message);
  else t.plan(0, `SKIP ${message}`);
  process.exit(process.env['CI'] === 'true' ? 1 : 0);
}
