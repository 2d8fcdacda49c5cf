/** Runs bin/snapcommit.js as a person would: a process of its own with a small environment. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';

const CHECKOUT = join(import.meta.dirname, '..', '..', '..');
export const PROGRAM = join(CHECKOUT, 'bin', 'snapcommit.js');
const MINIMAL_ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', NO_COLOR: '1' };

export interface CliOptions {
  /** Added to the minimal environment (SNAPCOMMIT_CRASH_AT, say); nothing of ours is passed on by itself. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What the command reads from stdin; by default nothing. */
  readonly input?: string;
  /** Passed as SNAPCOMMIT_STATE_DIR. */
  readonly stateDirectory?: string;
  /** The program and its arguments that run it, such as setpriv's for another user. */
  readonly under?: readonly string[];
}

export interface CliResult {
  /** null when a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout as the one JSON document that it must be; throws, with what was said instead, where it is not. */
  readonly json: unknown;
}

export interface RunningCli {
  readonly child: ChildProcess;
  /** Resolves when it has ended and its output is closed. */
  readonly done: Promise<CliResult>;
}

/** Runs a command to its end. */
export async function cli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return startCli(args, options).done;
}

/** Starts a command, for tests that signal it, stop it or act around it. */
export function startCli(args: readonly string[], options: CliOptions = {}): RunningCli {
  const stateDirectory = options.stateDirectory === undefined ? {} : { SNAPCOMMIT_STATE_DIR: options.stateDirectory };
  const [file = process.execPath, ...words] = [...(options.under ?? []), process.execPath, PROGRAM, ...args];
  const child = spawn(file, words, {
    cwd: options.cwd ?? '/',
    env: { ...MINIMAL_ENVIRONMENT, ...stateDirectory, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // A command that ends without reading its input is no failure of ours.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const done = new Promise<CliResult>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => {
      resolve(resultOf(args, status, signal, stdout, stderr));
    });
  });
  return { child, done };
}

function resultOf(
  args: readonly string[],
  status: number | null,
  signal: NodeJS.Signals | null,
  stdout: string,
  stderr: string,
): CliResult {
  return {
    status,
    signal,
    stdout,
    stderr,
    get json(): unknown {
      try {
        return JSON.parse(stdout) as unknown;
      } catch {
        throw new Error(`snapcommit ${args.join(' ')} printed no JSON (status ${String(status)}): ${stdout}${stderr}`);
      }
    },
  };
}
