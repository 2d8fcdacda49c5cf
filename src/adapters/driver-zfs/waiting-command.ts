/**
 * A command that is started before it is wanted, and waits for the word: what it costs to start a program is then not paid
 * while writers stand still. xargs does the waiting: it runs the command once it has read the last argument, and nothing when
 * its input ends before, which is also what it sees when we die.
 */
import type { CommandResult, CommandRunner } from '../../ports/commands.js';

/** Once, with one argument that ends in a zero byte; never without any. Also busybox knows these. */
const OPTIONS = ['-0', '-r', '-n', '1'];
/** Beside what is counted here. */
const SPARE_BYTES = 4_096;

export interface WaitingCommand<T> {
  /** Lets it run to its end. */
  begin(): Promise<T>;
  /** Lets go of it; it does not run any more, unless it was told to begin. Never rejects. */
  drop(): Promise<void>;
}

/** `xargs`: where that is; `words`: the program and its arguments, of which there is one at least. */
export function startWaiting(
  runner: CommandRunner,
  xargs: string,
  words: readonly string[],
  letBe: AbortSignal,
): WaitingCommand<CommandResult> {
  const last = words.at(-1) ?? '';
  let say: (word: string) => void = () => undefined;
  const word = new Promise<string>((resolve) => {
    say = resolve;
  });
  const input = async function* (): AsyncGenerator<string> {
    const said = await word;
    if (said !== '') yield said;
  };
  const options = ['-s', String(bytesOf(words)), ...OPTIONS];
  const running = runner.run(xargs, [...options, ...words.slice(0, -1)], { input: input(), letBe });
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

/**
 * How long a command line xargs must take. By itself it takes 128 KiB (busybox's 32), which the snapshots of a thousand
 * datasets pass, and would refuse while writers stand still; the kernel takes 2 MiB.
 */
function bytesOf(words: readonly string[]): number {
  return words.reduce((bytes, word) => bytes + Buffer.byteLength(word) + 1, SPARE_BYTES);
}
