/** Starting the guard (guard-main.ts) and speaking with it. Decides nothing. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { setPriority } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { programFile } from '../../native/program-file.js';
import type { CgroupTarget } from './cgroup-files.js';

export type GuardAnswer =
  | { readonly kind: 'armed' | 'unbroken' }
  /** The guard thawed: nothing of ours is frozen any more, and the round is void. */
  | { readonly kind: 'lapsed'; readonly reason: string }
  /** The guard failed to thaw, ended, or did not answer in time: what is frozen may still be so. */
  | { readonly kind: 'stuck' | 'dead' | 'silent'; readonly reason: string };

export interface Guard {
  readonly pid: number | undefined;
  /** Waits for the next answer; `silent` after waitMs. A guard that lapsed or died answers so at once. */
  ask(word: 'rehearse' | 'thawed' | `void ${string}`, waitMs: number): Promise<GuardAnswer>;
  /** Says what is not answered. */
  tell(word: 'freezing'): void;
  /** Says, once, that every freeze request is written, and when that was (process.hrtime). Never answered. */
  confirmWritten(at: bigint): void;
  /** The guard's last word on a void round, also unasked; null while it holds. */
  lost(): GuardAnswer | null;
  /** Closes its stdin: it ends, thawing first whatever it has not. */
  end(): void;
  /** SIGKILL: for a guard that no longer answers, so that it cannot thaw somebody else's freeze when it wakes. */
  kill(): void;
}

type GuardProcess = ChildProcessByStdio<Writable, Readable, null>;

const MAIN = programFile('adapters/freezer-cgroup/guard-main.js');
const NODE_OPTIONS = ['--max-old-space-size=16', '--max-semi-space-size=1'];

/** Starts a guard in a session of its own, which holds nothing of ours but two pipes. */
export function startGuard(
  targets: readonly CgroupTarget[],
  limitMs: number,
  intentFile: string,
  uptimeFile: string,
): Guard {
  const args = targets.flatMap((target) => [target.inode, target.cgroup, target.directory]);
  const child = spawn(process.execPath, [...NODE_OPTIONS, MAIN, String(limitMs), intentFile, uptimeFile, ...args], {
    cwd: '/',
    detached: true,
    env: {},
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  hurry(child.pid);
  return guardOver(child);
}

/** Writers stand still while it is waited for: on a busy machine it goes first, where we may say so. */
function hurry(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, -20);
  } catch {
    // An ordinary user may not: then it waits its turn.
  }
}

function guardOver(child: GuardProcess): Guard {
  let lost: GuardAnswer | null = null;
  let confirmed = false;
  let deliver: ((answer: GuardAnswer) => void) | null = null;
  const take = (answer: GuardAnswer): void => {
    if ('reason' in answer && lost?.kind !== 'lapsed') lost = answer;
    deliver?.(answer);
  };
  readLines(child.stdout, (line) => {
    take(parse(line));
  });
  child.stdin.on('error', () => undefined); // it ended: 'close' tells
  child.on('error', (error) => {
    take({ kind: 'dead', reason: `the guard could not be started: ${error.message}` });
  });
  // 'close', not 'exit': whatever it said before it ended has been read by then.
  child.on('close', (status, signal) => {
    take({ kind: 'dead', reason: `the guard ended (${signal ?? `status ${String(status)}`})` });
  });
  return {
    pid: child.pid,
    ask: (word, waitMs) =>
      new Promise((resolve) => {
        if (lost !== null) {
          resolve(lost);
          return;
        }
        const timer = setTimeout(() => deliver?.({ kind: 'silent', reason: 'the guard does not answer' }), waitMs);
        deliver = (answer) => {
          deliver = null;
          clearTimeout(timer);
          resolve(answer);
        };
        child.stdin.write(`${word.replaceAll('\n', ' ')}\n`);
      }),
    tell: (word) => {
      child.stdin.write(`${word}\n`);
    },
    confirmWritten: (at) => {
      if (confirmed) return;
      confirmed = true;
      child.stdin.write(`written ${String(at)}\n`);
    },
    lost: () => lost,
    end: () => {
      letGo(child);
    },
    kill: () => {
      child.kill('SIGKILL');
      letGo(child);
    },
  };
}

/** From here on neither the process nor its pipes keep us running. */
function letGo(child: GuardProcess): void {
  child.stdin.end();
  child.stdout.destroy();
  child.unref();
}

function readLines(stream: Readable, onLine: (line: string) => void): void {
  let received = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (received + text).split('\n');
    received = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
}

function parse(line: string): GuardAnswer {
  const [word = '', ...rest] = line.split(' ');
  const reason = rest.join(' ');
  switch (word) {
    case 'armed':
    case 'unbroken':
      return { kind: word };
    case 'lapsed':
    case 'stuck':
      return { kind: word, reason };
    default:
      return { kind: 'stuck', reason: `the guard said "${line}"` };
  }
}
