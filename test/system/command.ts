/** How a command of the simulated system ends. */
import type { Ending } from './judge.js';
import type { Command } from './world-options.js';

/** `work` is what it does; `note` hears how that ended, unless its process was gone before. */
export function follow(
  { name, machine, process }: Pick<Command, 'name' | 'machine' | 'process'>,
  work: Promise<number | null>,
  note: (what: string) => void,
): Command {
  let ending: Ending | null = null;
  const settle = (how: Ending): void => {
    if (!process.isAlive) return;
    ending = how;
    note(how.kind === 'failed' ? `failed: ${String(how.error)}` : how.kind);
    machine.exited(process);
  };
  work.then(
    (generation) => {
      settle({ kind: 'answered', generation });
    },
    (error: unknown) => {
      settle({ kind: 'failed', error });
    },
  );
  return { name, machine, process, ending: () => ending ?? (process.isAlive ? null : { kind: 'killed' }) };
}
