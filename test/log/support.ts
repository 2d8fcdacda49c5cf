/** What the log's tests share: throw-away directories, logs in them, child processes, a clock that tests set. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { initEmbeddedLog, openEmbeddedLog } from '#src/daemon/embedded-log.js';
import type { Operation, Outcome, TransactionId } from '#src/machine/entry.js';
import type { LogIdentity, ReplicatedLog } from '#src/ports/log.js';

export const identity: LogIdentity = { cluster: '6f7d8a52-0000-4000-8000-000000000001', node: 'alpha', incarnation: 1 };
export const clock = { now: (): number => 1_700_000_000_000, monotonic: (): number => 0 };

export function freshDirectory(t: Pick<Test, 'teardown'>): string {
  const directory = mkdtempSync(join(tmpdir(), 'snapcommit-log-'));
  t.teardown(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}

export async function freshLog(t: Pick<Test, 'teardown'>): Promise<{ directory: string; log: ReplicatedLog }> {
  const directory = freshDirectory(t);
  await initEmbeddedLog(directory, identity);
  const log = await openEmbeddedLog(directory, { clock });
  t.teardown(() => {
    log.close();
  });
  return { directory, log };
}

/** An operation whose effect the state shows: a volume of this name. */
export function volumeNamed(name: string): Operation {
  return {
    type: 'addVolume',
    volume: {
      name,
      node: 'alpha',
      driver: 'memory',
      source: `/live/${name}`,
      publishDirectory: `/published/${name}`,
      filesystem: 'f',
    },
  };
}

/** A proposal that the reducers refuse and the log keeps. */
export const refusedOperation = { type: 'removeGroup', group: 'nothing', generations: [] } as const satisfies Operation;

/** Four appends that end in the generation app@1 and its archived record. Answers the commit's outcome. */
export async function commitGeneration(log: ReplicatedLog): Promise<Outcome> {
  const transaction = '01h00000000000000000000000' as TransactionId;
  const group = {
    name: 'app',
    volumes: ['db'],
    freezeCgroups: [],
    freezeUnits: [],
    stopUnits: [],
    require: null,
    stallLimitMs: 5000,
    preHooks: [],
    postHooks: [],
  };
  await log.append(volumeNamed('db'));
  await log.append({ type: 'createGroup', group });
  const begun = await log.append({
    type: 'begin',
    transaction,
    mode: 'capture',
    group: 'app',
    members: [{ volume: 'db', node: 'alpha', driver: 'memory', base: null }],
    freezeTargets: [],
    coordinator: { node: 'alpha', bootId: 'b', pid: 1, startTime: 1 },
    deadline: clock.now() + 60_000,
    expectGeneration: null,
    sourceGeneration: null,
    message: '',
    labels: {},
  });
  if (begun.status !== 'chosen') throw new Error(`begin was answered ${begun.status}`);
  const committed = await log.append({
    type: 'commit',
    transaction,
    epoch: { incarnation: 1, slot: begun.slot },
    manifest: {
      consistency: { grade: 'independent', stallMs: 0, skewMs: 0, frozen: [], hosts: [] },
      volumes: [{ volume: 'db', node: 'alpha', driver: 'memory', staged: '.staged', id: 'u1', swap: null }],
    },
  });
  if (committed.status !== 'chosen') throw new Error(`commit was answered ${committed.status}`);
  return committed.outcome;
}

/** Whether a tool is here. Under CI it has to be; elsewhere the test says that it cannot do its work. */
export function hasTool(t: Pick<Test, 'comment' | 'ok'>, name: string): boolean {
  const there = (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(join(folder, name)));
  if (process.env['CI'] === 'true') t.ok(there, `${name} has to be here under CI`);
  else if (!there) t.comment(`${name} is not installed: nothing was tested`);
  return there;
}

const childFile = fileURLToPath(new URL('child.js', import.meta.url));

/** The command line of child.ts with these arguments. */
export function childCommand(...args: readonly string[]): readonly string[] {
  return [process.execPath, childFile, ...args];
}

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end; one that still runs when the test ends is killed. */
export function run(
  t: Pick<Test, 'teardown'>,
  command: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<Ended> {
  const [file = '', ...args] = command;
  const child: ChildProcess = spawn(file, args, {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.teardown(() => {
    child.kill('SIGKILL');
  });
  const output = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => {
      resolve({ status, signal, ...output });
    });
  });
}

/** Reopens the log of a directory for as long as `use` runs. */
export async function withLog<T>(directory: string, use: (log: ReplicatedLog) => Promise<T>): Promise<T> {
  const log = await openEmbeddedLog(directory, { clock });
  try {
    return await use(log);
  } finally {
    log.close();
  }
}
