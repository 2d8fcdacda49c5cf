/**
 * What /proc tells about processes. Plain reads, no koffi; mounts are in mountinfo.ts. Whether a *recorded* process still lives is
 * judged in participant/process-identity.ts.
 */
import { readFileSync } from 'node:fs';

export interface ProcessStat {
  /** One letter: R, S, D (cannot die now), T and t (stopped), Z and X (dead). */
  readonly state: string;
  readonly parent: number;
  /** Field 22 of /proc/PID/stat, clock ticks since boot. */
  readonly startTime: number;
}

let bootId: string | undefined;

/** The id that the kernel made up at this boot. */
export function readBootId(): string {
  bootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return bootId;
}

/** State and start time of a process; null where there is none (or /proc hides it from us). */
export function readProcessStat(pid: number): ProcessStat | null {
  const text = readOrNull(`/proc/${String(pid)}/stat`);
  if (text === null) return null;
  // The command stands in parentheses and may itself hold spaces and parentheses: count from the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '?', parent: Number(fields[1]), startTime: Number(fields[19]) };
}

/** Whether a process with this pid, started then, runs now. A zombie has let go of everything and counts as dead. */
export function isRunning(pid: number, startTime: number): boolean {
  const stat = readProcessStat(pid);
  return stat !== null && stat.startTime === startTime && stat.state !== 'Z' && stat.state !== 'X';
}

/** The command line, for people; the short name where there is none; at most 200 characters. */
export function readCommand(pid: number): string {
  const line =
    readOrNull(`/proc/${String(pid)}/cmdline`)
      ?.replaceAll('\0', ' ')
      .trim() ?? '';
  return (line === '' ? (readOrNull(`/proc/${String(pid)}/comm`)?.trim() ?? '?') : line).slice(0, 200);
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null; // gone, or not ours to read: both mean that nothing can be told
  }
}
