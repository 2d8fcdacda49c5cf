/** Batches on their way to the store's worker come out as they went in. */
import fc from 'fast-check';
import t from 'tap';
import { packBatch, packEntries, unpackBatch, unpackEntries } from '#src/adapters/store-sqlite/replica/packing.js';
import { ballot, nodeId } from '#src/paxos/ballot.js';
import { slot, type LogEntry } from '#src/paxos/contiguous-log.js';
import type { StoreBatch } from '#src/ports/replica-store.js';

const configuration = { id: 2, voters: [nodeId('a')], learners: [nodeId('b')], after: slot(9) };
const entry: fc.Arbitrary<LogEntry> = fc.record({
  ballot: fc
    .record({ round: fc.nat(2), node: fc.constantFrom('a', 'b') })
    .map(({ round, node }) => ballot(round, nodeId(node))),
  bytes: fc.uint8Array({ maxLength: 20 }),
  next: fc.constantFrom(null, null, configuration),
});

t.test('any entries come back, with their ballots, bytes and configurations', async (t) => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
  t.comment(`SEED=${String(seed)}`);
  fc.assert(
    fc.property(fc.array(entry), (entries) => {
      t.same(unpackEntries(packEntries(entries)), entries);
    }),
    { seed },
  );
});

t.test('a batch goes over with its memory, and what it was made of stays whole', async (t) => {
  const large = new Uint8Array(1000).fill(7);
  const one = { ballot: ballot(1, nodeId('a')), bytes: large.subarray(10, 14), next: null };
  const scalars = { promised: one.ballot, accepted: one.ballot, decided: slot(4), configuration, abstains: null };
  const batch: StoreBatch = {
    writes: [{ ...scalars, first: slot(5), entries: [one], install: null, sync: true }],
    archive: [
      { kind: 'put', group: 'app', generation: 1, bytes: large.subarray(0, 3) },
      { kind: 'delete', group: 'app', generation: 2 },
    ],
    applied: slot(4),
    checkpoint: { bytes: large.subarray(0, 5), keep: 3 },
  };
  const { packed, moved } = packBatch(batch);
  t.same(
    moved.map(({ byteLength }) => byteLength),
    [4],
    'nothing of what the bytes are a part of',
  );
  const arrived = structuredClone(packed, { transfer: [...moved] });
  t.same(unpackBatch(arrived), batch);
  t.equal(large.length, 1000, 'the bytes that it was made of did not change hands');
  t.same(unpackBatch(packBatch({ applied: slot(4) }).packed), { applied: slot(4) });
});
