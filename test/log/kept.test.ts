/** What is kept for peers that lag is bounded in slots and in bytes, alike in memory and in the store. */
import t from 'tap';
import { keptSlots } from '#src/log/kept.js';
import { ballot, nodeId } from '#src/paxos/ballot.js';
import { logFrom, slot } from '#src/paxos/contiguous-log.js';
import { until } from '../support/until.js';
import { memoryCluster } from './memory-cluster.js';
import { volumeNamed } from './support.js';

t.test('the newest that fit are kept', (t) => {
  const entry = { ballot: ballot(1, nodeId('a')), bytes: new Uint8Array(100), next: null };
  const log = logFrom(
    slot(10),
    Array.from({ length: 20 }, () => entry),
  );
  t.equal(keptSlots(log, slot(30), 5, 10_000), 5, 'so many slots');
  t.equal(keptSlots(log, slot(30), 15, 700), 7, 'so many bytes');
  t.equal(keptSlots(log, slot(30), 15, 99), 0, 'none where the newest is too large');
  t.equal(keptSlots(log, slot(30), 1000, 10_000), 1000, 'also those that are only in the store');
  t.end();
});

t.test('large entries below a checkpoint are let go of before there are many', async (t) => {
  const nodes = await memoryCluster(t, { checkpointSlots: 10, checkpointBytes: 6000 });
  const [one] = nodes.values();
  if (one === undefined) throw new Error('there are three nodes');
  for (let index = 0; index < 30; index += 1)
    await one.host.append({ ...volumeNamed(`v${String(index)}-${'x'.repeat(1000)}`) });
  await one.host.checkpoint();
  const { head, rows } = one.disk.contents;
  t.equal(head.checkpoint, head.decided);
  const bytes = rows.reduce((sum, row) => sum + (row?.bytes.length ?? 0), 0);
  t.ok(bytes > 2000 && bytes <= 6000, `${String(bytes)} bytes are kept`);
  // Memory and the store let go of the same.
  await one.host.append(volumeNamed('more'));
  await until('the others hold it', () =>
    [...nodes.values()].every(({ host }) => host.staleState().applied > head.last),
  );
});
