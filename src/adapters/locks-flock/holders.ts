/**
 * Who holds a flock. /proc/locks names the process that took it, which may have died or closed it since while a child
 * that inherited the descriptor holds it still; the `lock:` lines of /proc/PID/fdinfo name every process that does.
 */
import { readdirSync, readFileSync, statSync, type BigIntStats } from 'node:fs';
import { lockersOf } from '../../native/lock-table.js';
import { readCommand, readProcessStat } from '../../native/proc.js';
import type { LockHolder } from '../../ports/locks.js';

/** Living holders, ascending by pid; none where the file is not locked or does not exist. */
export function findHolders(file: string): readonly LockHolder[] {
  const stats = statSync(file, { bigint: true, throwIfNoEntry: false });
  if (stats === undefined) return [];
  const lockers = lockersOf(stats, 'FLOCK', file);
  if (lockers.length === 0) return [];
  const pids = new Set(processIds().filter((pid) => holds(pid, stats, lockers)));
  return [...pids].sort((a, b) => a - b).flatMap(describe);
}

/**
 * Whether the kernel still has a lock on the file. It may have one that no living process holds: of a process that ends, the
 * first thread is gone before the last one, and only with that one its descriptors.
 */
export function isLocked(file: string): boolean {
  const stats = statSync(file, { bigint: true, throwIfNoEntry: false });
  return stats !== undefined && lockersOf(stats, 'FLOCK', file).length > 0;
}

function processIds(): readonly number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger);
}

function holds(pid: number, file: BigIntStats, lockers: readonly number[]): boolean {
  const directory = `/proc/${String(pid)}`;
  let fds: readonly string[];
  try {
    fds = readdirSync(`${directory}/fd`);
  } catch {
    return lockers.includes(pid); // another user's, or gone: the kernel's word is all there is
  }
  return fds.some((fd) => isSameFile(`${directory}/fd/${fd}`, file) && hasLock(`${directory}/fdinfo/${fd}`));
}

function isSameFile(path: string, file: BigIntStats): boolean {
  try {
    const stats = statSync(path, { bigint: true });
    return stats.ino === file.ino && stats.dev === file.dev;
  } catch {
    return false;
  }
}

function hasLock(fdinfo: string): boolean {
  try {
    return /^lock:\s+\d+: FLOCK /m.test(readFileSync(fdinfo, 'utf8'));
  } catch {
    return false;
  }
}

function describe(pid: number, _index: number, holders: readonly number[]): readonly LockHolder[] {
  const stat = readProcessStat(pid);
  if (stat === null || stat.state === 'Z' || stat.state === 'X') return [];
  const { state, parent } = stat;
  // A program that a stopped holder started may wait for ever for that one to read what it says.
  const waitsForStopped = state === 'S' && holders.includes(parent) && isStopped(parent);
  return [{ pid, state: waitsForStopped ? 'T' : state, command: readCommand(pid) }];
}

function isStopped(pid: number): boolean {
  return 'Tt'.includes(readProcessStat(pid)?.state ?? '?');
}
