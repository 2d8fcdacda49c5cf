/** What every replica's store must do, whatever it is made of: batches, restarts, and who it is. */
import type { Test } from 'tap';
import { furtherSeen, judgeLife } from '#src/log/store-life.js';
import { ballot, nodeId } from '#src/paxos/ballot.js';
import { slot } from '#src/paxos/contiguous-log.js';
import type { Write } from '#src/paxos/effects.js';
import type { StoreLife } from '#src/ports/replica-store.js';
import { entry, texts, write as embeddedWrite } from './log-store.js';
import {
  bytesOf,
  codeOf,
  numbered,
  replicaIdentity,
  textOf,
  type DiskUnderTest,
  type MakeDisk,
} from './replica-store-subject.js';

export function write(first: number, decided: number, ...entries: Parameters<typeof embeddedWrite>[2][]): Write {
  return { ...embeddedWrite(first, decided, ...entries), configuration: replicaIdentity.configuration };
}

export function replicaStoreContract(t: Test, make: MakeDisk): void {
  t.test('a new store is empty and knows whose it is', async (t) => {
    const store = await (await make(t, replicaIdentity)).open();
    const { identity, head, checkpoint, entries, damaged, remembered } = await store.load();
    t.same(identity, replicaIdentity);
    t.same([head.decided, head.applied, head.base, head.last, head.checkpoint, head.abstains], [0, 0, 0, 0, 0, null]);
    t.same([checkpoint, entries, damaged, remembered], [{ kind: 'none' }, [], [], {}]);
    t.equal(await store.readCheckpoint(), null);
    t.equal(await store.archived('app', 1), undefined);
    t.same(await store.scrub(), { rows: 0, damaged: [], checkpointDamaged: false, archive: [] });
  });

  t.test('D1 D2 D5 a batch is durable as a whole when it resolves', async (t) => {
    const disk = await make(t, replicaIdentity);
    const store = await disk.open();
    const abstains = { kind: 'damaged', ballot: ballot(1, nodeId('alpha')), through: slot(7) } as const;
    await store.persist({
      writes: [write(1, 1, entry('x'), entry('y')), { ...write(2, 2, entry('w', 2), entry('z')), abstains }],
      archive: [
        { kind: 'put', group: 'app', generation: 2, bytes: bytesOf('two') },
        { kind: 'put', group: 'app', generation: 1, bytes: bytesOf('one') },
        { kind: 'put', group: 'other', generation: 1, bytes: bytesOf('other') },
        { kind: 'delete', group: 'other', generation: 1 },
      ],
      applied: slot(2),
    });
    const again = await disk.open();
    const { head, entries } = await again.load();
    t.same(head, {
      promised: ballot(2, nodeId('alpha')),
      accepted: ballot(1, nodeId('alpha')),
      abstains,
      decided: 2,
      applied: 2,
      base: 0,
      last: 3,
      checkpoint: 0,
    });
    t.same(texts(entries), ['x', 'w', 'z']);
    t.same(
      (await again.archivedOf('app')).map(({ generation, bytes }) => [generation, textOf(bytes)]),
      [
        [1, 'one'],
        [2, 'two'],
      ],
    );
    t.equal(await again.archived('other', 1), undefined);
  });

  t.test('D2 a batch of which one part cannot be is not done at all', async (t) => {
    const disk = await make(t, replicaIdentity);
    const store = await disk.open();
    await t.rejects(
      store.persist({ writes: [write(1, 1, entry('x'))], remembered: {}, applied: slot(2) }),
      /invariant I3/,
    );
    t.equal((await store.load()).head.last, 0);
    await t.rejects(store.persist({ writes: [write(2, 0, entry('y'))] }), /invariant I5/, 'P4 no holes');
    const { head, life } = await (await disk.open()).load();
    t.same([head.last, life.batches], [0, 0]);
  });

  t.test('batches become durable in the order in which they are handed over', async (t) => {
    const disk = await make(t, replicaIdentity);
    const store = await disk.open();
    const resolved: number[] = [];
    await Promise.all(
      Array.from({ length: 20 }, async (_, n) => {
        await store.persist({ writes: [write(n + 1, n, entry(String(n + 1)))] });
        resolved.push(n);
      }),
    );
    t.same(
      resolved,
      [...resolved].sort((a, b) => a - b),
    );
    t.same(texts((await (await disk.open()).load()).entries), texts(numbered(1, 20)));
  });

  t.test('a stop-sign and the configuration that it begins survive, to the byte', async (t) => {
    const disk = await make(t, replicaIdentity);
    const next = {
      id: 2,
      voters: ['beta', 'gamma', 'delta'].map(nodeId),
      learners: [nodeId('epsilon')],
      after: slot(1),
    };
    const stopSign = { ...entry(''), next };
    await (await disk.open()).persist({ writes: [{ ...write(1, 1, stopSign), configuration: next }] });
    const { identity, entries } = await (await disk.open()).load();
    t.same(identity, { ...replicaIdentity, configuration: next });
    t.same(entries[0]?.next, next);
  });

  t.test('T2 a store goes over to a cluster in one batch, with its members', async (t) => {
    const embedded = { ...replicaIdentity, mode: 'embedded' } as const;
    const disk = await make(t, embedded);
    const store = await disk.open();
    t.equal((await store.load()).identity.mode, 'embedded');
    const before = await store.load();
    const after = await store.persist({ identity: { mode: 'cluster', incarnation: 4 } });
    t.equal(after.batches, before.life.batches + 1);
    t.same((await (await disk.open()).load()).identity, { ...replicaIdentity, incarnation: 4 });
  });

  t.test('a checkpoint drops the rows that it covers but the newest few, which peers can still have', async (t) => {
    const disk = await make(t, replicaIdentity);
    const store = await disk.open();
    await store.persist({ writes: [write(1, 8, ...numbered(1, 10))], applied: slot(8) });
    await store.persist({ checkpoint: { bytes: bytesOf('eight'), keep: 3 } });
    const { head, checkpoint, entries } = await (await disk.open()).load();
    t.same([head.base, head.checkpoint, head.last], [5, 8, 10]);
    t.same(checkpoint, { kind: 'whole', slot: 8, bytes: bytesOf('eight') });
    t.same(texts(entries), ['9', '10'], 'a start loads what follows the checkpoint, and no more');
    const again = await disk.open();
    t.same(texts(await again.read(slot(5), 1000)), ['6', '7', '8', '9', '10']);
    t.same(texts(await again.read(slot(5), 1)), ['6'], 'at least one');
    t.same(texts(await again.read(slot(6), 3)), ['7', '8', '9']);
    t.same(await again.read(slot(10), 1000), []);
    await t.rejects(again.read(slot(4), 1000), /invariant I5/);
    t.equal((await again.scrub()).rows, 5);
  });

  t.test('D8 D9 wiped, cloned and rolled-back stores are told from the one that peers know', async (t) => {
    const lifeOf = async (disk: DiskUnderTest): Promise<StoreLife> => (await (await disk.open()).load()).life;
    const disk = await make(t, replicaIdentity);
    const seen = await lifeOf(disk);
    t.equal(judgeLife(undefined, seen), 'new');
    t.equal(judgeLife(seen, seen), 'known', 'connecting again');
    t.equal(judgeLife(seen, await lifeOf(await make(t, replicaIdentity))), 'wiped', 'D8');

    const store = await disk.open();
    const early = await disk.copy();
    await store.persist({});
    const later = await disk.copy();
    const voted = await store.persist({ writes: [write(1, 1, entry('x'))] });
    t.equal(judgeLife(seen, voted), 'known', 'a restart, and on');
    for (const snapshot of [early, early, early, later, later, later]) {
      const back = await snapshot.open();
      t.equal(judgeLife(voted, (await back.load()).life), 'rolledBack', 'D9 a vote is missing');
      await back.persist({ writes: [write(1, 1, entry('y'), entry('z'))] });
    }
    t.equal(judgeLife(voted, await lifeOf(disk)), 'known');
    t.equal(judgeLife(voted, await lifeOf(disk)), 'known', 'also after a start in which nothing was written');

    const clone = await disk.copy();
    const [one, other] = [await disk.open(), await clone.open()];
    const [first, second] = [await one.persist({}), await other.persist({})];
    t.equal(judgeLife(first, second), 'cloned');
    t.equal(judgeLife(first, await lifeOf(clone)), 'cloned', 'also after another start');
    t.equal(judgeLife(await lifeOf(clone), first), 'rolledBack', 'D9 fewer starts');
    t.equal(judgeLife(voted, first), 'known');
  });

  t.test('D9 what is remembered of peers is durable with the batch', async (t) => {
    const disk = await make(t, replicaIdentity);
    const store = await disk.open();
    const beta = { id: 'b', starts: 1, nonce: 'n', batches: 4, configuration: 2 };
    await store.persist({ remembered: { beta, gamma: beta } });
    const further = { ...beta, ...furtherSeen({ ...beta, batches: 9 }, beta) };
    await store.persist({ writes: [write(1, 1, entry('x'))], remembered: { beta: further } });
    t.same((await (await disk.open()).load()).remembered, { beta: { ...beta, batches: 9 }, gamma: beta });
  });

  t.test('every batch is counted', async (t) => {
    const disk = await make(t, replicaIdentity);
    const store = await disk.open();
    const { life } = await store.load();
    t.same([life.starts, life.startedAt, life.batches], [1, 0, 0]);
    t.equal((await store.persist({})).batches, 1);
    t.equal((await store.persist({ remembered: {} })).batches, 2);
    t.equal(await codeOf(store.load()), 'done');
  });
}
