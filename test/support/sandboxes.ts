/** Running commands in sandboxes from tests, each in a process of its own (sandbox-process). */
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import type { Test } from 'tap';
import { createSandbox, type SandboxOptions } from '#src/adapters/sandbox/index.js';
import type { SandboxRequest, SandboxResult } from '#src/ports/sandbox.js';
import { temporaryDirectory } from './temp.js';
import { until } from './until.js';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const NOBODY = '65534';

export interface SandboxJob {
  readonly request: Omit<SandboxRequest, 'inheritedFds' | 'signal'>;
  readonly options: SandboxOptions;
  /** Files that are locked exclusively and handed to the command. */
  readonly lockFiles: readonly string[];
}

export interface SandboxReport {
  readonly result: SandboxResult | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  /** Whether the process's other child was left alone. */
  readonly bystanderLives: boolean;
}

export interface SandboxOutcome extends SandboxReport {
  /** False where the process ended without one. */
  readonly report: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

export type SandboxWish = Partial<SandboxJob['request']> & {
  readonly command: readonly string[];
  readonly options?: SandboxOptions;
  readonly lockFiles?: readonly string[];
  readonly input?: string;
  /** A copy of the program that an ordinary user may read (readableProgram): the process runs as nobody. */
  readonly asNobody?: string;
};

export interface RunningSandbox {
  readonly child: ChildProcess;
  /** What the command has printed so far. */
  stdout(): string;
  /** The report; undefined until there is one. Read it through `reported`. */
  outcome(): SandboxOutcome | undefined;
}

/** What a test does not say of its own request. */
export const PLAIN_REQUEST: Omit<SandboxRequest, 'command'> = {
  placements: [],
  mount: true,
  environment: {},
  workingDirectory: '/',
  cgroup: null,
  inheritedFds: [],
  stdout: 'stderr',
};

/** A shell's command line; only tests use a shell. */
export function shell(script: string): readonly string[] {
  return ['/bin/sh', '-c', script];
}

/** Starts it; what is left of it, its cgroup included, is taken away at the end of the test. */
export function startSandbox(t: Test, wish: SandboxWish): RunningSandbox {
  const { command, options = {}, lockFiles = [], input = '', asNobody, ...rest } = wish;
  const request: SandboxJob['request'] = {
    command,
    placements: [],
    mount: true,
    environment: { PATH: '/usr/bin:/bin' },
    workingDirectory: '/',
    cgroup: null,
    stdout: 'inherit',
    ...rest,
  };
  const job: SandboxJob = { request, options, lockFiles };
  const program = join(asNobody ?? ROOT, 'build', 'test', 'support', 'sandbox-process.js');
  const words = [process.execPath, program, JSON.stringify(job)];
  const nobody = ['/usr/bin/setpriv', '--reuid', NOBODY, '--regid', NOBODY, '--clear-groups'];
  const [file = '', ...args] = asNobody === undefined ? words : [...nobody, ...words];
  const child = spawn(file, args, { cwd: '/', detached: true, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] });
  t.teardown(async () => {
    killGroup(child.pid);
    if (request.cgroup !== null) await endByName(request.cgroup);
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  let outcome: SandboxOutcome | undefined;
  void collect(child, () => printed).then((collected) => (outcome = collected));
  return { child, stdout: () => printed, outcome: () => outcome };
}

/** Runs it to its end. Throws when it did not report. */
export async function runSandbox(t: Test, wish: SandboxWish): Promise<SandboxOutcome> {
  return reported(startSandbox(t, wish));
}

/** Waits for the end of what was started. Throws when it did not come, or without a report. */
export async function reported(running: RunningSandbox): Promise<SandboxOutcome> {
  await until('the end of the sandbox', () => running.outcome() !== undefined);
  const outcome = running.outcome();
  if (outcome?.report !== true) throw new Error(`the sandbox process failed: ${String(outcome?.stderr)}`);
  return outcome;
}

async function collect(child: ChildProcess, printed: () => string): Promise<SandboxOutcome> {
  const channel = child.stdio[3];
  if (!(channel instanceof Readable) || child.stderr === null) throw new Error('the pipes are missing');
  const [report, stderr] = await Promise.all([text(channel), text(child.stderr)]);
  const nothing: SandboxReport = { result: null, error: null, bystanderLives: false };
  const said = report === '' ? nothing : (JSON.parse(report) as SandboxReport);
  return { ...said, report: report !== '', stdout: printed(), stderr };
}

/** The process and everything of the command's that did not leave its process group. */
function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // nothing of it is left
  }
}

async function endByName(name: string): Promise<void> {
  const sandbox = createSandbox();
  for (const leftover of await sandbox.leftovers()) {
    if (leftover.name === name) await sandbox.endAll(leftover.cgroup);
  }
}

/** A name that no other test's cgroup has. */
export function uniqueName(): string {
  return `sandbox-${String(process.pid)}-${String((made += 1))}`;
}
let made = 0;

/** Copies the compiled program to where an ordinary user may read it; the checkout may be anywhere. */
export function readableProgram(t: Test): string {
  const copy = temporaryDirectory(t, 'readable');
  chmodSync(copy, 0o755);
  const parts = ['package.json', 'dist', 'build/test/support', 'node_modules/koffi', 'node_modules/@koromix'];
  for (const part of parts) {
    const from = join(ROOT, part);
    if (!existsSync(from)) continue;
    mkdirSync(join(copy, part, '..'), { recursive: true });
    cpSync(from, join(copy, part), { recursive: true, dereference: true, filter: (path) => !isBulk(path) });
  }
  return copy;
}

function isBulk(path: string): boolean {
  return /node_modules\/koffi\/(doc|vendor)$/.test(path);
}
