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
  const { checkpointSlot: first } = await log.status();
  t.equal(first, 2, 'while it is to be published, its rows are all that there is beside the new group');
  await log.append(published);
  const { lastSlot, checkpointSlot } = await log.status();
  t.equal(checkpointSlot, lastSlot);
  const before = await log.read();
  await withLog(directory, async (reopened) => {
    t.equal(stateHash(await reopened.read()), stateHash(before), 'what was saved is what was applied');
    t.equal((await reopened.generation('app', 1))?.manifest.volumes.length, 1);
  });
});

t.test('D5 nor does the batch that takes a generation out of its group', async (t) => {
  const { directory, log } = await freshLog(t);
  await commitGeneration(log);
  await log.append(published);
  const outcome = await log.append({ type: 'removeGroup', group: 'app', generations: [1] });
  t.match(outcome, { status: 'chosen', outcome: { ok: true } });
  const { lastSlot, checkpointSlot } = await log.status();
  t.equal(checkpointSlot, lastSlot);
  const before = await log.read();
  await withLog(directory, async (reopened) => {
    t.equal(stateHash(await reopened.read()), stateHash(before), 'what was saved is what was applied');
    t.same(Object.keys((await reopened.read()).groups), []);
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
