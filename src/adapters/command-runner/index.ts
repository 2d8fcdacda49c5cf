/**
 * Running other programs: the only place that imports execa. Argument arrays, absolute paths, a fixed environment,
 * never a shell. Every program gets a session of its own, so that a time limit ends it with all of its children, and
 * Ctrl-C at the terminal reaches us alone.
 */
import { isAbsolute } from 'node:path';
import { Readable } from 'node:stream';
import { SnapcommitError } from '../../errors.js';
import { handedDown, willInherit } from '../../native/handed-down.js';
import type { CommandResult, CommandRunner, RunOptions } from '../../ports/commands.js';
import { leave, unlessLetBe } from './let-be.js';
import { drainAfterExit, endGroupWhenDue } from './process-group.js';

export { createHooks } from './hooks.js';

type Execa = typeof import('execa');

/** What every program sees, whatever our own environment is. */
const FIXED_ENVIRONMENT = { LC_ALL: 'C', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } as const;

let execa: Promise<Execa> | undefined;

/** In characters, of either output. What is longer is not read to its end, and so nobody may take it for the whole. */
const OUTPUT_MAX = 100_000_000;
/** How much of what such a program said on stderr is told. */
const SAID_KEPT = 2_000;

interface RunnerOptions {
  /**
   * Programs inherit what is handed down (native/handed-down): for those that change a volume under its lock, and never for
   * what may leave a daemon behind.
   */
  readonly keepsLocks: boolean;
}

/** Programs run with `/` as working directory, and read nothing from standard input unless `input` is given. */
export function createCommandRunner({ keepsLocks }: RunnerOptions = { keepsLocks: false }): CommandRunner {
  if (keepsLocks) willInherit();
  return { run: async (file, args, options = {}) => run(file, args, options, keepsLocks ? handedDown() : []) };
}

async function run(
  file: string,
  args: readonly string[],
  options: RunOptions,
  inherited: readonly number[],
): Promise<CommandResult> {
  if (!isAbsolute(file)) throw new SnapcommitError('USAGE', `"${file}" is not an absolute path`, { file });
  const { execa: start } = await loadExeca();
  const subprocess = start(file, args, {
    cleanup: false,
    cwd: '/',
    detached: true,
    env: { ...options.environment, ...FIXED_ENVIRONMENT },
    extendEnv: false,
    maxBuffer: OUTPUT_MAX,
    ...inputOf(options),
    reject: false,
    // Without a pipe for nothing, a program costs a quarter less of our time.
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', ...inherited.map(asDigit)],
    stripFinalNewline: false,
  });
  const limits = endGroupWhenDue(subprocess, options);
  drainAfterExit(subprocess);
  try {
    const result = await unlessLetBe(subprocess, options.letBe);
    if (result === null) return leave(subprocess);
    if (subprocess.pid === undefined) throw notStarted(file, result.code, result.cause);
    const { stdout, stderr } = result;
    const timedOut = limits.timedOut();
    // It may have written the last of it, and ended with 0, before we turned away.
    if (result.isMaxBuffer) return { status: null, signal: 'SIGPIPE', stdout, stderr: overlong(stderr), timedOut };
    const { exitCode: status, signalCode: signal } = subprocess;
    return { status, signal, stdout, stderr, timedOut };
  } finally {
    limits.clear();
  }
}

function overlong(stderr: string): string {
  const said = stderr.slice(0, SAID_KEPT).trimEnd();
  const what = `it printed more than ${String(OUTPUT_MAX)} characters, which were not read to their end`;
  return said === '' ? what : `${said}\n${what}`;
}

function inputOf({ input }: RunOptions): { readonly input?: string | Readable } {
  if (input === undefined) return {};
  return { input: typeof input === 'string' ? input : Readable.from(input, { objectMode: false }) };
}

/** Any descriptor can be inherited; execa's types know those of one digit. */
const asDigit = (fd: number): 3 => fd as 3;

/** Loaded by the first program that is run: a commit that runs none does not pay for it. */
async function loadExeca(): Promise<Execa> {
  try {
    execa ??= import('execa');
    return await execa;
  } catch (cause) {
    const message = 'the npm package execa could not be loaded; run npm install';
    throw new SnapcommitError('DEPENDENCY_MISSING', message, {}, cause);
  }
}

function notStarted(file: string, code: string | undefined, cause: unknown): SnapcommitError {
  if (code === 'EACCES' || code === 'EPERM') {
    return new SnapcommitError('DENIED', `${file} may not be executed by this user; check its mode`, { file }, cause);
  }
  const what = code === 'ENOENT' ? 'it, or the interpreter that it names, does not exist' : (code ?? 'unknown reason');
  return new SnapcommitError('DEPENDENCY_MISSING', `${file} could not be started: ${what}`, { file }, cause);
}
