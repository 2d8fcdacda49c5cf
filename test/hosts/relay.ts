/** The writers of relay-process.ts, one in each host's cgroup, and the check of what a generation holds of them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Test } from 'tap';
import { violationsOf } from '../support/counters.js';
import type { Host } from './host.js';

/** Resolves when the first round has been written on every host. They end with the test; `stop` ends them before. */
export async function startRelay(
  t: Pick<Test, 'teardown'>,
  hosts: readonly Host[],
): Promise<{ stop(): Promise<void> }> {
  const ends: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of ends.splice(0)) await end();
  };
  t.teardown(stop);
  const socketOf = (index: number): string => join(hosts[index]?.directory ?? '', 'relay.sock');
  // The last one first: each connects to the next.
  for (const [index, host] of [...hosts.entries()].reverse()) {
    const own = index === 0 ? '-' : socketOf(index);
    const next = index === hosts.length - 1 ? '-' : socketOf(index + 1);
    const trees = host.volumes.map(({ live }) => live);
    const main = join(import.meta.dirname, 'relay-process.js');
    const child = spawn(process.execPath, [main, join(host.cgroup.directory, 'cgroup.procs'), own, next, ...trees], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    ends.push(async () => {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    });
    await once(child.stdout, 'data');
  }
  return { stop };
}

/** What contradicts the order in which they wrote; `trees`: those of one generation, in the order of the writers. */
export function relayViolations(trees: readonly string[]): readonly string[] {
  return violationsOf(trees.flatMap((tree) => [join(tree, 'counter'), join(tree, 'renamed')]));
}
