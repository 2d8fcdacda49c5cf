/** What a daemon takes away by itself, some time after it is over. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Sweep } from '#src/daemon/caretaker/sweep.js';
import { contextOver } from '#src/daemon/compose.js';
import type { Context } from '#src/participant/context.js';
import { freshDirectory, freshLog } from '../log/support.js';

const SILENT = { info: () => undefined, error: () => undefined } as unknown as ConstructorParameters<typeof Sweep>[1];

t.test('the lock file of a transaction that is over goes, also where nobody recovers; a held one stays', async (t) => {
  const { log } = await freshLog(t);
  const stateDirectory = freshDirectory(t);
  const nothing = async (): Promise<readonly never[]> => Promise.resolve([]);
  const context: Context = {
    ...contextOver(log, { stateDirectory }),
    sandbox: async () => Promise.resolve({ leftovers: nothing } as never),
  };
  const file = (name: string): string => join(stateDirectory, 'locks', `${name}.lock`);
  mkdirSync(join(stateDirectory, 'locks'), { recursive: true });
  for (const name of ['transaction-killed', 'volume-db']) writeFileSync(file(name), '');
  const held = (await context.locks()).tryAcquire('transaction-publishing', 'exclusive');
  t.teardown(() => held?.release());
  await new Sweep(context, SILENT).run();
  t.notOk(existsSync(file('transaction-killed')));
  t.ok(existsSync(file('transaction-publishing')), 'its holder publishes');
  t.ok(existsSync(file('volume-db')), 'a volume’s is no transaction’s');
});

t.test('what cannot be deleted is tried with longer and longer pauses, and told once', async (t) => {
  const { log } = await freshLog(t);
  const base = contextOver(log, { stateDirectory: freshDirectory(t) });
  const cgroup = '/sys/fs/cgroup/left';
  let [nowMs, reason] = [0, 'in use'];
  const sandbox = {
    leftovers: async () => Promise.resolve([{ name: `${base.log.identity.cluster}.t1`, cgroup }]),
    endAll: async () => (reason === '' ? Promise.resolve() : Promise.reject(new Error(reason))),
  };
  const context: Context = {
    ...base,
    clock: { ...base.clock, monotonic: () => nowMs },
    sandbox: async () => Promise.resolve(sandbox as never),
  };
  const told: string[] = [];
  const note = ({ reason }: { readonly reason: string }): void => void told.push(reason);
  const sweep = new Sweep(context, { info: note, error: note } as never);
  const pauses: number[] = [];
  const runNext = async (): Promise<void> => {
    nowMs += sweep.dueInMs();
    await sweep.run();
    pauses.push(sweep.dueInMs());
  };
  for (let round = 0; round < 7; round += 1) await runNext();
  t.same(pauses, [5_000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000]);
  t.same(told, ['in use']);
  reason = 'no disk';
  await runNext();
  t.same(told, ['in use', 'no disk']);
  sweep.due();
  t.equal(sweep.dueInMs(), 5_000, 'what has ended is swept as soon as ever');
  reason = '';
  await runNext();
  t.equal(pauses.at(-1), 5_000, 'as after a success');
  t.equal(told.length, 3);
});
