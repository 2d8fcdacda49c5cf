/**
 * Freeze intents: one small durable file a freeze, written before the first freezer is touched and removed after the
 * thaw. They are all that `thaw --all` needs: no log, no guard.
 */
import { mkdir, readdir, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readIfPresent, TEMPORARY_NAME, writeDurably } from '../../native/durable-file.js';
import { isRunning, readBootId, readProcessStat } from '../../native/proc.js';
import { syncDirectory } from '../../native/sync.js';
import type { CgroupTarget } from './cgroup-files.js';

/** The file's content, JSON. */
export interface Intent {
  readonly format: 1;
  readonly id: string;
  readonly transaction: string;
  /** Who froze: enough to tell whether that process still lives. */
  readonly bootId: string;
  readonly pid: number;
  readonly startTime: number;
  /** When the guard thaws at the latest, ms since the epoch; for people. */
  readonly deadline: number;
  readonly cgroups: readonly CgroupTarget[];
}

/** What stands in one file: null where it cannot be read as an intent, and then `problem` says why. */
export interface StoredIntent {
  readonly file: string;
  readonly intent: Intent | null;
  readonly problem: string;
}

export function intentFile(stateDirectory: string, id: string): string {
  return join(stateDirectory, 'freeze', `${id}.json`);
}

export function newIntent(id: string, transaction: string, limitMs: number, cgroups: readonly CgroupTarget[]): Intent {
  const startTime = readProcessStat(process.pid)?.startTime ?? 0;
  const deadline = Date.now() + limitMs;
  return { format: 1, id, transaction, bootId: readBootId(), pid: process.pid, startTime, deadline, cgroups };
}

/** Durable when it resolves. */
export async function writeIntent(stateDirectory: string, intent: Intent): Promise<void> {
  const file = intentFile(stateDirectory, intent.id);
  const made = await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  if (made !== undefined) await syncDirectory(stateDirectory);
  await writeDurably(file, `${JSON.stringify(intent)}\n`);
}

/** A process of this boot that froze and has not ended. */
export function ownerLives(intent: Intent): boolean {
  return fromThisBoot(intent) && isRunning(intent.pid, intent.startTime);
}

/** Nothing stays frozen across a reboot. */
export function fromThisBoot(intent: Intent): boolean {
  return intent.bootId === readBootId();
}

/** Every intent file there is, by name. */
export async function readIntents(stateDirectory: string): Promise<readonly StoredIntent[]> {
  const names = (await namesIn(join(stateDirectory, 'freeze'))).filter((name) => name.endsWith('.json'));
  const stored = await Promise.all(names.map((name) => readIntent(join(stateDirectory, 'freeze', name))));
  return stored.filter((each) => each !== null);
}

async function readIntent(file: string): Promise<StoredIntent | null> {
  try {
    const text = await readIfPresent(file);
    if (text === null) return null; // its owner thawed in this moment
    const intent: unknown = JSON.parse(text);
    if (isIntent(intent)) return { file, intent, problem: '' };
    return { file, intent: null, problem: 'it is no freeze intent that this version knows' };
  } catch (error) {
    return { file, intent: null, problem: error instanceof Error ? error.message : String(error) };
  }
}

/** Half-written files of processes that died before they had frozen anything. */
export async function removeLeftovers(stateDirectory: string): Promise<void> {
  const directory = join(stateDirectory, 'freeze');
  for (const name of await namesIn(directory)) {
    const pid = TEMPORARY_NAME.exec(name)?.[1];
    if (pid !== undefined && readProcessStat(Number(pid)) === null) await unlink(join(directory, name));
  }
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

function isIntent(value: unknown): value is Intent {
  if (!isObject(value) || value['format'] !== 1) return false;
  const strings = ['id', 'transaction', 'bootId'].every((key) => typeof value[key] === 'string');
  const numbers = ['pid', 'startTime', 'deadline'].every((key) => Number.isSafeInteger(value[key]));
  const cgroups = value['cgroups'];
  return strings && numbers && Array.isArray(cgroups) && cgroups.every(isTarget);
}

function isTarget(value: unknown): value is CgroupTarget {
  return isObject(value) && ['cgroup', 'directory', 'inode'].every((key) => typeof value[key] === 'string');
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
