/** What the batch that ends a transaction leaves for the next command to read. */
import t from 'tap';
import { stateHash } from '#src/log/codec.js';
import type { Operation } from '#src/machine/entry.js';
import { commitGeneration, freshLog, volumeNamed, withLog } from './support.js';

/** The fifth append of `commitGeneration`'s story. */
const published: Operation = { type: 'published', group: 'app', generation: 1, node: 'alpha', volumes: ['db'] };

t.test('D5 the batch that ends the last transaction leaves no row to apply', async (t) => {
  const { directory, log } = await freshLog(t);
  await commitGeneration(log);
  t.equal((await log.status()).checkpointSlot, 0, 'while it is to be published, its rows are all that there is');
  await log.append(published);
  const { lastSlot, checkpointSlot } = await log.status();
  t.equal(checkpointSlot, lastSlot);
  const before = await log.read();
  await withLog(directory, async (reopened) => {
    t.equal(stateHash(await reopened.read()), stateHash(before), 'what was saved is what was applied');
    t.equal((await reopened.generation('app', 1))?.manifest.volumes.length, 1);
  });
});

t.test('a large state is not written for every transaction', async (t) => {
  const { log } = await freshLog(t);
  await Promise.all(Array.from({ length: 80 }, (_, index) => log.append(volumeNamed(`v${String(index)}`))));
  await commitGeneration(log);
  await log.append(published);
  const { lastSlot, checkpointSlot } = await log.status();
  t.ok(checkpointSlot < lastSlot);
});
