/** Running `zfs` and `zpool`. Absolute paths, and whatever the runner fixes: the locale, no shell. */
import { access, constants } from 'node:fs/promises';
import { SnapcommitError } from '../../errors.js';
import type { CommandResult, CommandRunner } from '../../ports/commands.js';
import { describing, type Describe } from './describing.js';
import { gathering } from './gathering.js';
import { startWaiting, type WaitingCommand } from './waiting-command.js';
import { ZfsFailure, type ZfsProgram } from './zfs-failure.js';

const DIRECTORIES = ['/usr/sbin', '/sbin', '/usr/local/sbin'];
const XARGS_DIRECTORIES = ['/usr/bin', '/bin'];

/**
 * In a pool that has lost its disks a command waits for ever, in the kernel, where no signal ends it. A sound one may take
 * minutes over a large pool on slow disks.
 */
const PATIENCE_MS = 15 * 60_000;

/** Also what waits for the word in their place (waiting-command.ts). */
type Program = ZfsProgram | 'xargs';

export interface ZfsCommands {
  /** What it printed; `input` is what it reads. @throws ZfsFailure when it fails, DEPENDENCY_MISSING where it is not installed. */
  zfs(args: readonly string[], input?: string): Promise<string>;
  /** Those who want the same of a pool at the same time get it from one program. */
  zpool(args: readonly string[]): Promise<string>;
  /** What it printed, whether it failed or not: `zfs get` tells of what there is, and fails for what is not. */
  attempt(args: readonly string[]): Promise<{ readonly output: string; readonly failure: ZfsFailure | null }>;
  readonly describe: Describe;
  /** A `zfs` that is started now, and begins when it is told to. */
  waiting(args: readonly string[]): Promise<WaitingCommand<string>>;
}

/** `find`: where a program is; `patienceMs`: how long one may take. */
export function createZfsCommands(
  runner: CommandRunner,
  find = findProgram,
  patienceMs: number = PATIENCE_MS,
): ZfsCommands {
  const files = new Map<Program, Promise<string>>();
  const fileOf = async (program: Program): Promise<string> => {
    const file = files.get(program) ?? find(program);
    files.set(program, file);
    return file;
  };
  const run = async (program: ZfsProgram, args: readonly string[], input = '') => {
    const file = await fileOf(program);
    const giveUp = new AbortController();
    const running = async () => runner.run(file, args, { input, letBe: giveUp.signal });
    return outcome(program, args, await inTime(program, args, patienceMs, giveUp, running));
  };
  const must = async (program: ZfsProgram, args: readonly string[], input?: string): Promise<string> =>
    printed(await run(program, args, input));
  const attempt = async (args: readonly string[]) => run('zfs', args);
  const ofPools = gathering<null, string>();
  return {
    zfs: (args, input) => must('zfs', args, input),
    zpool: (args) => ofPools(args.join(' '), null, 0, async () => must('zpool', args)),
    attempt,
    describe: describing(attempt),
    waiting: async (args) => {
      // what is missing is told here, and not when writers stand still
      const [file, waiter] = [await fileOf('zfs'), await fileOf('xargs')];
      const giveUp = new AbortController();
      const command = startWaiting(runner, waiter, [file, ...args], giveUp.signal);
      const begin = async () => command.begin();
      return {
        begin: async () => printed(outcome('zfs', args, await inTime('zfs', args, patienceMs, giveUp, begin))),
        drop: async () => command.drop(),
      };
    },
  };
}

interface Outcome {
  readonly output: string;
  readonly failure: ZfsFailure | null;
}

function outcome(program: ZfsProgram, args: readonly string[], result: CommandResult): Outcome {
  const { status, signal, stdout, stderr } = result;
  if (status === 0) return { output: stdout, failure: null };
  const said = stderr.trim() === '' ? `it ended by ${signal ?? `status ${String(status)}`}` : stderr.trim();
  return { output: stdout, failure: new ZfsFailure(program, args, said) };
}

function printed({ output, failure }: Outcome): string {
  if (failure !== null) throw failure;
  return output;
}

/**
 * What takes longer is let be, not ended: the kernel may still do what it was asked for. It keeps the volume's lock until it
 * has ended, so that nobody acts on the volume before.
 */
async function inTime(
  program: ZfsProgram,
  args: readonly string[],
  patienceMs: number,
  giveUp: AbortController,
  start: () => Promise<CommandResult>,
): Promise<CommandResult> {
  const timer = setTimeout(() => {
    giveUp.abort();
  }, patienceMs);
  try {
    const result = await start();
    if (!result.timedOut) return result;
  } finally {
    clearTimeout(timer);
  }
  const command = [program, ...args].join(' ');
  const message =
    `\`${program} ${args[0] ?? ''}\` has not ended within ${String(patienceMs / 60_000)} minutes, and goes on by itself. Its pool may ` +
    'have lost a disk: see `zpool status -x` and the kernel log, and run `snapcommit recover` when the pool is well again';
  throw new SnapcommitError('VOLUME_UNAVAILABLE', message, { command });
}

/** @throws DEPENDENCY_MISSING where none of `directories` has it. */
export async function findProgram(
  program: Program,
  directories: readonly string[] = program === 'xargs' ? XARGS_DIRECTORIES : DIRECTORIES,
): Promise<string> {
  for (const directory of directories) {
    const file = `${directory}/${program}`;
    const isThere = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return file;
  }
  const [what, advice] =
    program === 'xargs'
      ? ['xargs', 'findutils']
      : [`${program} of OpenZFS`, 'zfsutils-linux (Debian, Ubuntu) or zfs (Fedora, Arch), version 2.1 or later'];
  const message = `the program ${what} is not installed (looked in ${directories.join(', ')}); install ${advice}`;
  throw new SnapcommitError('DEPENDENCY_MISSING', message, { program });
}
