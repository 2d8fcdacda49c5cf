/** The contract's second half: damage, and checkpoints that travel. */
import type { Test } from 'tap';
import { ballot, nodeId } from '#src/paxos/ballot.js';
import type { Configuration } from '#src/paxos/configuration.js';
import { slot } from '#src/paxos/contiguous-log.js';
import { withDamage } from '#src/paxos/state.js';
import { logFrom } from '#src/paxos/contiguous-log.js';
import type { ReplicaStore } from '#src/ports/replica-store.js';
import { entry, texts } from './log-store.js';
import { write } from './replica-store.js';
import {
  bytesOf,
  chunksOf,
  codeOf,
  failureOf,
  numbered,
  replicaIdentity,
  stage,
  textOf,
  type DiskUnderTest,
  type MakeDisk,
} from './replica-store-subject.js';

/** Rows 1 to 10, a checkpoint at 4 which keeps 2 rows, and an archive. */
async function tenRows(disk: DiskUnderTest): Promise<ReplicaStore> {
  const store = await disk.open();
  await store.persist({
    writes: [write(1, 9, ...numbered(1, 10))],
    archive: [{ kind: 'put', group: 'app', generation: 1, bytes: bytesOf('archived') }],
    applied: slot(4),
    checkpoint: { bytes: bytesOf('four'), keep: 2 },
  });
  await store.persist({ applied: slot(9) });
  return store;
}

export function replicaStoreDamageContract(t: Test, make: MakeDisk): void {
  t.test('D10 damaged rows are told by slot, and what is before them is still there', async (t) => {
    for (const how of ['missing', 'flipped', { misdirected: 6 }] as const) {
      const disk = await make(t, replicaIdentity);
      await tenRows(disk);
      disk.damage(8, how);
      const store = await disk.open();
      const { entries, damaged, head } = await store.load();
      t.same(texts(entries), ['5', '6', '7']);
      t.same([damaged, head.last], [[8], 10]);
      t.same((await store.scrub()).damaged, [8]);
      t.same(texts(await store.read(slot(6), 1000)), ['7'], 'nothing damaged is handed out');
      const error = await failureOf(store.read(slot(7), 1000));
      t.same([error.code, error.details['slot']], ['LOG_CORRUPT', 8], 'and it is never "no such row"');
    }
  });

  t.test('D10 an entry without bytes is whole, alone in its batch or among others', async (t) => {
    const disk = await make(t, replicaIdentity);
    const store = await disk.open();
    await store.persist({ writes: [write(1, 3, entry('1'), entry(''), entry('3'))] });
    await store.persist({ writes: [write(4, 4, entry(''))] });
    const again = await disk.open();
    const { damaged, entries } = await again.load();
    t.same([damaged, texts(entries)], [[], ['1', '', '3', '']]);
    t.same((await again.scrub()).damaged, []);
    disk.damage(2, 'missing');
    t.equal(await again.repair(slot(2), [entry('')]), 'repaired', 'and healed from a peer all the same');
  });

  t.test('D10 scrub also reads the rows that a start does not', async (t) => {
    const disk = await make(t, replicaIdentity);
    const store = await tenRows(disk);
    disk.damage(3, 'flipped');
    disk.damageArchived('app', 1);
    t.same((await store.load()).damaged, []);
    t.same(await store.scrub(), {
      rows: 8,
      damaged: [3],
      checkpointDamaged: false,
      archive: [{ group: 'app', generation: 1 }],
    });
    t.equal(await codeOf(store.archived('app', 1)), 'LOG_CORRUPT');
  });

  t.test("D10 a peer's rows heal where the chain proves them, and nothing else does", async (t) => {
    const disk = await make(t, replicaIdentity);
    const store = await tenRows(disk);
    disk.damage(6, 'flipped');
    disk.damage(7, 'missing');
    disk.damage(10, 'flipped');
    t.equal(await store.repair(slot(6), [entry('6')]), 'unproven', 'slot 7 is damaged too');
    t.equal(await store.repair(slot(6), [entry('6'), entry('seven')]), 'unproven', 'not what stood there');
    t.equal(await store.repair(slot(6), [entry('6', 9), entry('7')]), 'unproven', 'of another ballot');
    t.equal(await store.repair(slot(7), [entry('7')]), 'unproven', 'the row before it is damaged');
    t.same((await store.load()).damaged, [6, 7, 8, 9, 10], 'what nothing proves is damaged too');
    t.equal(await store.repair(slot(6), numbered(6, 7)), 'repaired');
    t.equal(await store.repair(slot(9), numbered(9, 10)), 'repaired', 'to the end, which the meta row knows');
    const { entries, damaged } = await (await disk.open()).load();
    t.same([damaged, texts(entries)], [[], texts(numbered(5, 10))]);
    t.same((await (await disk.open()).scrub()).damaged, []);
  });

  t.test('D10 a row that a checkpoint has dropped meanwhile is not healed, and nothing breaks', async (t) => {
    const disk = await make(t, replicaIdentity);
    const store = await tenRows(disk);
    const { base, last } = (await store.load()).head;
    t.equal(await store.repair(base, numbered(base, base + 1)), 'unproven', 'no row of it is kept');
    t.equal(await store.repair(slot(last + 1), numbered(last + 1, last + 1)), 'unproven', 'nothing came there yet');
    t.same((await store.scrub()).damaged, []);
  });

  t.test('D10 a replica that starts with damage neither denies nor keeps what it lost', async (t) => {
    const disk = await make(t, replicaIdentity);
    await tenRows(disk);
    disk.damage(8, 'flipped');
    const store = await disk.open();
    const { head, entries, damaged } = await store.load();
    const { promised, accepted, decided, abstains } = head;
    const padded = [...entries, ...numbered(8, head.last)];
    const durable = withDamage(
      { promised, accepted, decided, abstains, log: logFrom(head.checkpoint, padded) },
      damaged[0] ?? slot(0),
    );
    t.same(durable.abstains, { kind: 'damaged', ballot: accepted, through: 10 });
    // What it learns takes the place of everything from the damage on, in the batch that says so.
    const learnt = { ...write(8, 8, entry('8')), abstains: durable.abstains };
    await store.persist({ writes: [learnt] });
    const again = await (await disk.open()).load();
    t.same(again.head.abstains, durable.abstains);
    t.same([again.damaged, texts(again.entries)], [[], texts(numbered(5, 8))]);
    t.equal(again.head.applied, 8, 'what it does not know to be decided any more it does not call applied');
  });

  t.test('D10 a stretch that went back to an older writing is damaged as a whole', async (t) => {
    const disk = await make(t, replicaIdentity);
    const store = await disk.open();
    await store.persist({ writes: [write(1, 2, ...numbered(1, 6))] });
    await store.persist({ writes: [write(3, 2, entry('three', 2), entry('four', 2), entry('five', 2))] });
    // Rows that follow from one another, under a meta row that ends the log elsewhere.
    disk.damage(5, { misdirected: 4 });
    t.same((await store.load()).damaged, [5]);
    t.equal(await store.repair(slot(5), [entry('5')]), 'unproven', 'the older writing itself');
    t.equal(await store.repair(slot(5), [entry('five', 2)]), 'repaired');
  });

  t.test('D10 a damaged checkpoint is told, and the votes and rows are there all the same', async (t) => {
    const disk = await make(t, replicaIdentity);
    const whole = await make(t, replicaIdentity);
    await tenRows(disk);
    const peer = await tenRows(whole);
    await peer.persist({ checkpoint: { bytes: bytesOf('nine'), keep: 0 } });
    disk.damageCheckpoint();
    const store = await disk.open();
    const { checkpoint, head, entries } = await store.load();
    t.same(checkpoint, { kind: 'damaged', slot: 4 });
    t.same([head.promised, texts(entries)], [ballot(2, nodeId('alpha')), texts(numbered(5, 10))]);
    t.equal((await store.scrub()).checkpointDamaged, true);
    t.equal(await codeOf(store.readCheckpoint()), 'LOG_CORRUPT');

    const checked = await stage(store, await chunksOf(peer));
    t.same([checked.slot, textOf(checked.state)], [9, 'nine']);
    await store.persist({ adopt: checked.slot });
    const again = await (await disk.open()).load();
    t.same(again.checkpoint, { kind: 'whole', slot: 9, bytes: bytesOf('nine') });
    t.same([again.head.base, again.head.applied, again.head.last, texts(again.entries)], [9, 9, 10, ['10']]);
    t.same(again.damaged, []);
  });

  t.test('P7 a checkpoint comes with its data, members and incarnation, or not at all', async (t) => {
    const peerDisk = await make(t, { ...replicaIdentity, node: 'beta', incarnation: 5 });
    const peer = await peerDisk.open();
    const next = { id: 2, voters: ['alpha', 'beta', 'delta'].map(nodeId), learners: [], after: slot(20) };
    const state = new Uint8Array(700_000).fill(7);
    await peer.persist({
      writes: [{ ...write(1, 30, ...numbered(1, 30)), configuration: next }],
      archive: Array.from({ length: 9 }, (_, n) => ({
        kind: 'put' as const,
        group: n % 2 === 0 ? 'app' : 'web',
        generation: n + 1,
        bytes: bytesOf(`generation ${String(n + 1)}`),
      })),
      applied: slot(30),
    });
    await peer.persist({ checkpoint: { bytes: state, keep: 5 } });
    const chunks = await chunksOf(peer);
    t.ok(chunks.length >= 3 && chunks.every((chunk) => chunk.length <= 256 * 1024), 'in chunks');

    const disk = await make(t, replicaIdentity);
    const store = await tenRows(disk);
    await store.persist({ archive: [{ kind: 'put', group: 'app', generation: 2, bytes: bytesOf('retired since') }] });
    const checked = await stage(store, chunks);
    t.same(
      { ...checked, state: null, chain: null },
      {
        cluster: 'c0',
        incarnation: 5,
        configuration: next,
        slot: 30,
        state: null,
        chain: null,
      },
    );
    t.ok(Buffer.from(state).equals(checked.state));
    const untouched = await store.load();
    t.same([untouched.head.last, untouched.identity], [10, replicaIdentity], 'checking changes nothing');
    await store.persist({ writes: [{ ...write(31, 30), configuration: next, install: slot(30) }] });
    const reopened = await disk.open();
    const again = await reopened.load();
    t.same(again.identity, { ...replicaIdentity, incarnation: 5, configuration: next });
    t.same(
      [again.head.base, again.head.checkpoint, again.head.applied, again.head.decided, again.head.last],
      [30, 30, 30, 30, 30],
    );
    t.ok(again.checkpoint.kind === 'whole' && Buffer.from(state).equals(again.checkpoint.bytes));
    t.equal(await reopened.archived('app', 2), undefined, 'of our archive nothing stays');
    t.equal(textOf(await reopened.archived('app', 1)), 'generation 1', "the archive is the peer's");
    t.same(
      (await reopened.archivedOf('web')).map((row) => row.generation),
      [2, 4, 6, 8],
    );
    await reopened.persist({ writes: [{ ...write(31, 30, entry('31')), configuration: next }] });
    await peer.persist({ writes: [{ ...write(31, 30, entry('31')), configuration: next }], applied: slot(30) });
    t.same(texts((await (await disk.open()).load()).entries), ['31'], 'and the log goes on from it');
  });

  t.test('P7 an adopted checkpoint brings its members, unless ours are newer', async (t) => {
    const next = { ...replicaIdentity.configuration, id: 2, after: slot(4) };
    const nineRows = async (disk: DiskUnderTest, configuration: Configuration): Promise<ReplicaStore> => {
      const store = await disk.open();
      await store.persist({ writes: [{ ...write(1, 9, ...numbered(1, 9)), configuration }], applied: slot(9) });
      await store.persist({ checkpoint: { bytes: bytesOf('nine'), keep: 0 } });
      return store;
    };
    for (const [ours, theirs] of [
      [replicaIdentity.configuration, next],
      [next, replicaIdentity.configuration],
    ] as const) {
      const peer = await nineRows(await make(t, replicaIdentity), theirs);
      const disk = await make(t, replicaIdentity);
      const store = await nineRows(disk, ours);
      disk.damageCheckpoint();
      await stage(store, await chunksOf(peer));
      await store.persist({ adopt: slot(9) });
      const { checkpoint, identity } = await (await disk.open()).load();
      t.same([checkpoint.kind, identity.configuration], ['whole', next]);
    }
  });

  t.test('P7 rows after a checkpoint stay where the core says that they do', async (t) => {
    const peer = await tenRows(await make(t, replicaIdentity));
    await peer.persist({ checkpoint: { bytes: bytesOf('nine'), keep: 0 } });
    const disk = await make(t, replicaIdentity);
    const store = await disk.open();
    await store.persist({ writes: [write(1, 2, ...numbered(1, 10))] });
    await stage(store, await chunksOf(peer));
    await store.persist({ writes: [{ ...write(11, 9), install: slot(9) }] });
    t.same(texts((await store.load()).entries), ['10']);
  });

  t.test('P7 a checkpoint that is not what was sent is refused, and changes nothing', async (t) => {
    const peer = await tenRows(await make(t, replicaIdentity));
    await peer.persist({ checkpoint: { bytes: new Uint8Array(300_000), keep: 0 } });
    const chunks = await chunksOf(peer);
    const store = await (await make(t, replicaIdentity)).open();
    const [first = new Uint8Array(), ...rest] = chunks;
    for (let at = 0; at < first.length; at += 60_001) {
      const flipped = new Uint8Array(first);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      t.equal(await codeOf(stage(store, [flipped, ...rest])), 'LOG_CORRUPT', `byte ${String(at)}`);
    }
    t.equal(await codeOf(stage(store, chunks.slice(0, -1))), 'LOG_CORRUPT', 'the last chunk is missing');
    t.equal(await codeOf(stage(store, [])), 'LOG_CORRUPT');
    await t.rejects(store.persist({ writes: [{ ...write(10, 9), install: slot(9) }] }), /invariant P7/);
    t.equal((await store.load()).head.last, 0);
  });

  t.test('records that cannot be read are taken out of an older checkpoint, and nothing else of it', async (t) => {
    const put = (generation: number, text: string) =>
      ({ kind: 'put', group: 'app', generation, bytes: bytesOf(text) }) as const;
    const peer = await tenRows(await make(t, replicaIdentity));
    await peer.persist({ archive: [put(2, 'two'), put(3, 'retired since'), put(4, 'four')] });
    const disk = await make(t, replicaIdentity);
    const store = await tenRows(disk);
    await store.persist({ archive: [put(2, 'two'), put(4, 'our four'), put(5, 'five')] });
    await store.persist({ checkpoint: { bytes: bytesOf('nine'), keep: 0 } });
    for (const generation of [1, 2, 5]) disk.damageArchived('app', generation);
    const before = await store.load();
    const checked = await stage(store, await chunksOf(peer));
    t.ok(checked.slot < before.head.base, 'it is older than the log');
    await store.persist({ mend: checked.slot });
    const reopened = await disk.open();
    const texts = [1, 2, 4].map(async (generation) => textOf(await reopened.archived('app', generation)));
    t.same(await Promise.all(texts), ['archived', 'two', 'our four']);
    t.same((await reopened.scrub()).archive, [{ group: 'app', generation: 5 }], 'which that one does not have');
    t.equal(await reopened.archived('app', 3), undefined, 'what was retired stays away');
    const after = await reopened.load();
    t.same([after.head, after.checkpoint], [before.head, before.checkpoint]);
    await t.rejects(store.persist({ mend: checked.slot }), 'once only');
  });

  t.test('a checkpoint of another cluster, of an older life, or too old is refused', async (t) => {
    const stranger = await tenRows(await make(t, { ...replicaIdentity, cluster: 'c1' }));
    const elder = await tenRows(await make(t, { ...replicaIdentity, incarnation: 2 }));
    const disk = await make(t, replicaIdentity);
    const store = await tenRows(disk);
    t.equal(await codeOf(chunksOf(stranger).then((chunks) => stage(store, chunks))), 'LOG_FOREIGN');
    t.equal(await codeOf(chunksOf(elder).then((chunks) => stage(store, chunks))), 'LOG_FOREIGN');
    const old = await chunksOf(store);
    await store.persist({ checkpoint: { bytes: bytesOf('nine'), keep: 0 } });
    await stage(store, old);
    t.equal(await codeOf(store.persist({ adopt: slot(4) })), 'EXPECTATION_FAILED');
    t.equal((await store.load()).head.checkpoint, 9);
  });

  t.test('a checkpoint that is read while batches go on is of one moment', async (t) => {
    const store = await tenRows(await make(t, replicaIdentity));
    await store.persist({ checkpoint: { bytes: new Uint8Array(600_000).fill(1), keep: 0 } });
    const reader = await store.readCheckpoint();
    if (reader === null) throw new Error('there is no checkpoint');
    const chunks = [(await reader.next()) ?? new Uint8Array()];
    await store.persist({
      writes: [write(11, 11, entry('11'))],
      archive: [{ kind: 'put', group: 'app', generation: 2, bytes: bytesOf('later') }],
      applied: slot(11),
      checkpoint: { bytes: bytesOf('eleven'), keep: 0 },
    });
    for (let chunk = await reader.next(); chunk !== null; chunk = await reader.next()) chunks.push(chunk);
    await reader.close();
    const other = await (await make(t, replicaIdentity)).open();
    const { slot: at, state } = await stage(other, chunks);
    t.same([at, state.length], [9, 600_000]);
    await other.persist({ writes: [{ ...write(10, 9), install: slot(9) }] });
    t.equal(await other.archived('app', 2), undefined);
    t.equal(textOf(await other.archived('app', 1)), 'archived');
  });
}
