/** Batches on their way to the store's worker come out as they went in. */
import { serialize } from 'node:v8';
import fc from 'fast-check';
import t from 'tap';
import { BatchPacker, BatchUnpacker, packEntries, unpackEntries } from '#src/adapters/store-sqlite/replica/packing.js';
import { ballot, nodeId } from '#src/paxos/ballot.js';
import { slot, type LogEntry } from '#src/paxos/contiguous-log.js';
import type { Write } from '#src/paxos/effects.js';
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
      const usual = ballot(1, nodeId('a'));
      t.same(unpackEntries(structuredClone(packEntries(entries, usual)), usual), entries);
    }),
    { seed },
  );
});

const large = new Uint8Array(100_000).fill(7);
const one = { ballot: ballot(1, nodeId('a')), bytes: large.subarray(10, 14), next: null };
const standing = { promised: one.ballot, accepted: one.ballot, configuration, abstains: null };

function write(first: number, ...entries: readonly LogEntry[]): Write {
  return { ...standing, decided: slot(first - 1), first: slot(first), entries, install: null, sync: true };
}

t.test('a batch goes over with its own memory, and what it was made of stays whole', async (t) => {
  const long = { ...one, bytes: large.subarray(0, 50_000) };
  const batch: StoreBatch = {
    writes: [write(5, one), write(6, long)],
    archive: [
      { kind: 'put', group: 'app', generation: 1, bytes: large.subarray(0, 3) },
      { kind: 'delete', group: 'app', generation: 2 },
    ],
    applied: slot(4),
    checkpoint: { bytes: large.subarray(0, 5), keep: 3 },
  };
  const packer = new BatchPacker();
  const unpacker = new BatchUnpacker();
  const { packed, moved } = packer.pack(batch);
  t.same(
    moved.map(({ byteLength }) => byteLength),
    [50_000],
    'what is long changes hands, and nothing of what the bytes are a part of',
  );
  t.ok(serialize([packed]).length < 51_000, 'nothing goes along that is not of the batch');
  const arrived = structuredClone(packed, { transfer: [...moved] });
  t.same(unpacker.unpack(arrived), batch);
  t.equal(large.length, 100_000, 'the bytes that it was made of did not change hands');
  t.same(unpacker.unpack(packer.pack({ applied: slot(4) }).packed), { applied: slot(4) });
  t.same(unpacker.unpack(packer.pack({}).packed), {});
});

t.test('D2 what is as it was in the write before is not said again, and what is new is', async (t) => {
  const packer = new BatchPacker();
  const unpacker = new BatchUnpacker();
  const other = ballot(2, nodeId('b'));
  const abstains = { kind: 'forgetful', configuration: 2 } as const;
  const writes = [
    write(1, one),
    write(2, one),
    { ...write(3), promised: other },
    { ...write(3, { ...one, ballot: other }), promised: other, accepted: other },
    write(4, one),
    { ...write(5), configuration: { ...configuration, id: 3 } },
    { ...write(5), abstains },
    write(5, { ...one, ballot: other }),
  ];
  const sizes = writes.map((one) => {
    const packed = structuredClone(packer.pack({ writes: [one] }).packed);
    t.same(unpacker.unpack(packed), { writes: [one] });
    return serialize(packed).length;
  });
  t.ok((sizes[1] ?? 0) < (sizes[0] ?? 0) / 2, `${String(sizes[0])} bytes, then ${String(sizes[1])}`);
});
