/**
 * A command that is started before it is wanted, and waits for the word: what it costs to start a program is then not paid
 * while writers stand still. xargs does the waiting: it runs the command once it has read the last argument, and nothing when
 * its input ends before, which is also what it sees when we die.
 */
import type { CommandResult, CommandRunner } from '../../ports/commands.js';

const XARGS = '/usr/bin/xargs';
/** Once, with one argument that ends in a zero byte; never without any. Also busybox knows these. */
const OPTIONS = ['-0', '-r', '-n', '1'];

export interface WaitingCommand<T> {
  /** Lets it run to its end. */
  begin(): Promise<T>;
  /** Lets go of it; it does not run any more, unless it was told to begin. Never rejects. */
  drop(): Promise<void>;
}

export function startWaiting(
  runner: CommandRunner,
  file: string,
  args: readonly string[],
  letBe: AbortSignal,
): WaitingCommand<CommandResult> {
  const last = args.at(-1) ?? '';
  let say: (word: string) => void = () => undefined;
  const word = new Promise<string>((resolve) => {
    say = resolve;
  });
  const input = async function* (): AsyncGenerator<string> {
    const said = await word;
    if (said !== '') yield said;
  };
  const running = runner.run(XARGS, [...OPTIONS, file, ...args.slice(0, -1)], { input: input(), letBe });
  // Where it cannot be started, `begin` says so.
  running.catch(() => undefined);
  return {
    begin: async () => {
      say(`${last}\0`);
      return running;
    },
    drop: async () => {
      say('');
      await running.catch(() => undefined);
    },
  };
}
