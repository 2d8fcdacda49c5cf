/** Running `zfs` and `zpool`. Absolute paths, and whatever the runner fixes: the locale, no shell. */
import { access, constants } from 'node:fs/promises';
import { SnapcommitError } from '../../errors.js';
import type { CommandRunner } from '../../ports/commands.js';

const DIRECTORIES = ['/usr/sbin', '/sbin', '/usr/local/sbin'];

export type ZfsProgram = 'zfs' | 'zpool';

/** A program that ended with another status than 0; `reason` is what it said. */
export class ZfsFailure extends Error {
  readonly reason: string;
  readonly command: string;

  constructor(program: ZfsProgram, args: readonly string[], reason: string) {
    super(`${program} ${args[0] ?? ''}: ${reason}`);
    this.name = 'ZfsFailure';
    this.reason = reason;
    this.command = [program, ...args].join(' ');
  }
}

export interface ZfsCommands {
  /** What it printed; `input` is what it reads. @throws ZfsFailure when it fails, DEPENDENCY_MISSING where it is not installed. */
  zfs(args: readonly string[], input?: string): Promise<string>;
  zpool(args: readonly string[]): Promise<string>;
  /** What it printed, whether it failed or not: `zfs get` tells of what there is, and fails for what is not. */
  attempt(args: readonly string[]): Promise<{ readonly output: string; readonly failure: ZfsFailure | null }>;
}

/** `find`: where a program is. */
export function createZfsCommands(runner: CommandRunner, find = findProgram): ZfsCommands {
  const files = new Map<ZfsProgram, Promise<string>>();
  const run = async (program: ZfsProgram, args: readonly string[], input = '') => {
    const file = files.get(program) ?? find(program);
    files.set(program, file);
    const { status, signal, stdout, stderr } = await runner.run(await file, args, { input });
    if (status === 0) return { output: stdout, failure: null };
    const said = stderr.trim() === '' ? `it ended by ${signal ?? `status ${String(status)}`}` : stderr.trim();
    return { output: stdout, failure: new ZfsFailure(program, args, said) };
  };
  const must = async (program: ZfsProgram, args: readonly string[], input?: string): Promise<string> => {
    const { output, failure } = await run(program, args, input);
    if (failure !== null) throw failure;
    return output;
  };
  return {
    zfs: (args, input) => must('zfs', args, input),
    zpool: (args) => must('zpool', args),
    attempt: (args) => run('zfs', args),
  };
}

/** @throws DEPENDENCY_MISSING where none of `directories` has it. */
export async function findProgram(program: ZfsProgram, directories: readonly string[] = DIRECTORIES): Promise<string> {
  for (const directory of directories) {
    const file = `${directory}/${program}`;
    const isThere = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return file;
  }
  throw new SnapcommitError(
    'DEPENDENCY_MISSING',
    `the program ${program} of OpenZFS is not installed (looked in ${directories.join(', ')}); ` +
      'install zfsutils-linux (Debian, Ubuntu) or zfs (Fedora, Arch), version 2.1 or later',
    { program },
  );
}
