/** Running freezer-child.js and talking to it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { readCommand } from '#src/native/proc.js';
import type { TestCgroup } from './cgroups.js';
import { ended } from './cgroups.js';

export interface FreezerProcess {
  readonly child: ChildProcess;
  readonly guardPid: number;
  /** The next line that it prints. */
  line(): Promise<string>;
  signal(signal: NodeJS.Signals): void;
  ended(): Promise<void>;
}

const MAIN = fileURLToPath(new URL('freezer-child.js', import.meta.url));

/** Resolves when the child has armed its freeze; `environment` for crash points. */
export async function startFreezer(
  t: Test,
  stateDirectory: string,
  limitMs: number,
  cgroups: readonly TestCgroup[],
  environment: Readonly<Record<string, string>> = {},
): Promise<FreezerProcess> {
  const args = [MAIN, stateDirectory, String(limitMs), ...cgroups.map(({ cgroup }) => cgroup)];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'], env: environment });
  t.teardown(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const next = await lines.next();
    if (next.done === true) throw new Error('the freezing process ended');
    return next.value;
  };
  const guardPid = Number((await line()).split(' ')[1]);
  t.teardown(() => {
    // A guard that the test stopped would stay for ever.
    if (readCommand(guardPid).includes('guard-main')) process.kill(guardPid, 'SIGKILL');
  });
  return {
    child,
    guardPid,
    line,
    signal: (signal) => {
      child.kill(signal);
    },
    ended: () => ended(child),
  };
}
