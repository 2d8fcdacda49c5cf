/**
 * Where a command gets no cgroup (an ordinary user): finding and ending its processes by descent. While it runs its
 * orphans are handed to us (child subreaper), so that a daemon cannot slip away; only our death lets them go, and then
 * the locks that they inherited still name them.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { SnapcommitError } from '../../errors.js';
import { adoptOrphans, reapAdopted } from '../../native/processes.js';
import { sendSignal } from './signals.js';

const PAUSE_MS = 5;

interface ProcessRow {
  readonly pid: number;
  readonly state: string;
  readonly parent: number;
  readonly startTime: string;
}

export interface Descendants {
  /** Everything alive that descends from what we started since `adopt`. */
  pids(): readonly number[];
  /** SIGKILLs all of it and waits until it is gone. IN_USE, naming who will not die, after `waitMs`. */
  end(waitMs: number): Promise<void>;
  /** Stops adopting orphans. */
  release(): void;
}

/** From now on our new children's descendants stay ours. Children that we have already are left alone. */
export function adoptDescendants(): Descendants {
  const known = new Set(
    readProcesses()
      .filter((row) => row.parent === process.pid)
      .map(key),
  );
  adoptOrphans(true);
  const rows = (): readonly ProcessRow[] => below(readProcesses(), process.pid, known);
  return {
    pids: () =>
      rows()
        .filter(isAlive)
        .map((row) => row.pid),
    end: (waitMs) => endAll(rows, waitMs),
    release: () => {
      adoptOrphans(false);
    },
  };
}

/** Everything alive that descends from the process `pid`, and itself. */
export function descendantsOf(pid: number): readonly number[] {
  return [
    pid,
    ...below(readProcesses(), pid, new Set())
      .filter(isAlive)
      .map((row) => row.pid),
  ];
}

async function endAll(rows: () => readonly ProcessRow[], waitMs: number): Promise<void> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    const left = rows();
    if (left.length === 0) return;
    for (const row of left) {
      if (isAlive(row)) sendSignal(row.pid, 'SIGKILL');
      else if (row.parent === process.pid) reapAdopted(row.pid);
    }
    if (performance.now() > deadline) {
      const pids = left.map((row) => row.pid);
      const message = `processes that the command left behind do not die (pids ${pids.map(String).join(', ')}); end them and try again`;
      throw new SnapcommitError('IN_USE', message, { pids });
    }
    await delay(PAUSE_MS);
  }
}

function below(rows: readonly ProcessRow[], ancestor: number, except: ReadonlySet<string>): readonly ProcessRow[] {
  const children = rows.filter((row) => row.parent === ancestor && !except.has(key(row)));
  return children.flatMap((child) => [child, ...below(rows, child.pid, except)]);
}

function isAlive(row: ProcessRow): boolean {
  return row.state !== 'Z' && row.state !== 'X';
}

/** A pid alone can be used again. */
function key(row: ProcessRow): string {
  return `${String(row.pid)} ${row.startTime}`;
}

function readProcesses(): readonly ProcessRow[] {
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? readProcess(name) : []));
}

function readProcess(name: string): readonly ProcessRow[] {
  let text: string;
  try {
    text = readFileSync(`/proc/${name}/stat`, 'utf8');
  } catch {
    return []; // gone meanwhile
  }
  // the command's name stands in parentheses and may itself contain spaces and parentheses
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state = '', parent = ''] = fields;
  return [{ pid: Number(name), state, parent: Number(parent), startTime: fields[19] ?? '' }];
}
