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
