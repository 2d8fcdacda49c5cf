/** The embedded log as its users see it. */
import t from 'tap';
import { MemoryStore } from '#src/adapters/store-memory.js';
import { openStore } from '#src/adapters/store-sqlite/index.js';
import { SnapcommitError } from '#src/errors.js';
import { stateHash } from '#src/log/codec.js';
import { initEmbeddedLog, LOG_FILE, openEmbeddedLog } from '#src/daemon/embedded-log.js';
import { openLogOn } from '#src/log/embedded.js';
import { nodeId } from '#src/paxos/ballot.js';
import { slot, type LogEntry } from '#src/paxos/contiguous-log.js';
import type { LogStore, StoreView } from '#src/ports/log-store.js';
import { clock, freshDirectory, freshLog, identity, refusedOperation, volumeNamed, withLog } from './support.js';

async function rejection(act: () => Promise<unknown>): Promise<SnapcommitError> {
  try {
    await act();
  } catch (error) {
    if (error instanceof SnapcommitError) return error;
    throw error;
  }
  throw new Error('it did not reject');
}

function memoryStore(): MemoryStore {
  return new MemoryStore({
    ...identity,
    configuration: { id: 1, voters: [nodeId(identity.node)], learners: [], after: slot(0) },
    mode: 'embedded',
  });
}

t.test('appends take the slots in order, survive, and answer with their outcome', async (t) => {
  const { directory, log } = await freshLog(t);
  t.same(log.identity, identity);
  t.match(await log.append(volumeNamed('db')), { status: 'chosen', slot: 1, outcome: { ok: true } });
  t.match(await log.append(refusedOperation), {
    status: 'chosen',
    slot: 2,
    outcome: { ok: false, code: 'GROUP_NOT_FOUND' },
  });
  t.match(await log.append(volumeNamed('wal')), { status: 'chosen', slot: 3, outcome: { ok: true } });
  const state = await log.read();
  t.same(Object.keys(state.volumes), ['db', 'wal']);
  t.equal(state.applied, 3);
  t.same(await log.status(), { engine: 'paxos', lastSlot: 3, checkpointSlot: 0 });
  t.equal(await log.scrub(), 3);
  await withLog(directory, async (again) => {
    t.equal(stateHash(await again.read()), stateHash(state));
  });
});

t.test('appends of one turn share one sync, and each gets its own answer', async (t) => {
  const store = memoryStore();
  const log = openLogOn(store, { clock });
  const results = await Promise.all(['a', 'b', 'c'].map((name) => log.append(volumeNamed(name))));
  t.same(
    results.map((result) => (result.status === 'chosen' ? result.slot : 0)),
    [1, 2, 3],
  );
  t.equal(store.commits, 1);
  const many = await Promise.all(Array.from({ length: 600 }, () => log.append(refusedOperation)));
  t.same(
    many.map((result) => (result.status === 'chosen' ? result.slot : 0)),
    many.map((_, index) => index + 4),
  );
  t.equal(store.commits, 4, 'and a batch is bounded');
});

t.test('L3 a repeated request is answered and not applied again', async (t) => {
  const { log } = await freshLog(t);
  const request = { id: 'r1', digest: 'd' };
  t.match(await log.append(volumeNamed('db'), request), { outcome: { ok: true } });
  await log.append({ type: 'removeVolume', volume: 'db' });
  t.match(await log.append(volumeNamed('db'), request), { status: 'chosen' });
  t.same(Object.keys((await log.read()).volumes), [], 'the volume is not added a second time');
});

t.test('reading takes no ballot and writes nothing', async (t) => {
  const { directory, log } = await freshLog(t);
  await log.append(volumeNamed('db'));
  const store = openStore(`${directory}/${LOG_FILE}`);
  t.teardown(() => {
    store.close();
  });
  const before = store.snapshot((view) => view.head);
  await withLog(directory, async (reader) => {
    await reader.read();
    await reader.status();
    await reader.generations('none');
    await reader.scrub();
  });
  t.same(
    store.snapshot((view) => view.head),
    before,
  );
});

t.test('D3 every process that appends takes a ballot of its own', async (t) => {
  const { directory, log } = await freshLog(t);
  const store = openStore(`${directory}/${LOG_FILE}`);
  t.teardown(() => {
    store.close();
  });
  const round = (): number => store.snapshot((view) => view.head.promised.round);
  await log.append(volumeNamed('a'));
  await log.append(volumeNamed('b'));
  t.equal(round(), 1, 'one that keeps leading keeps its ballot');
  await withLog(directory, (other) => other.append(volumeNamed('c')));
  t.equal(round(), 2);
  await log.append(volumeNamed('d'));
  t.equal(round(), 3, 'one that was passed goes past in turn');
  t.same(Object.keys((await log.read()).volumes), ['a', 'b', 'c', 'd']);
});

/** Counts the rows that are handed out. */
class CountingStore implements LogStore {
  readonly file: string;
  rows = 0;
  readonly #store: LogStore;

  constructor(store: LogStore) {
    this.#store = store;
    this.file = store.file;
  }

  exclusively: LogStore['exclusively'] = (work) => this.#store.exclusively(work);
  scrub: LogStore['scrub'] = () => this.#store.scrub();
  close: LogStore['close'] = () => {
    this.#store.close();
  };

  snapshot<T>(work: (view: StoreView) => T): T {
    return this.#store.snapshot((view) => {
      const entries: StoreView['entries'] = (after): readonly LogEntry[] => {
        const rows = view.entries(after);
        this.rows += rows.length;
        return rows;
      };
      return work({
        identity: view.identity,
        head: view.head,
        entries,
        checkpoint: () => view.checkpoint(),
        archived: (group, generation) => view.archived(group, generation),
        archivedOf: (group) => view.archivedOf(group),
      });
    });
  }
}

t.test('opening with 10,000 entries loads only the tail', async (t) => {
  const { directory, log } = await freshLog(t);
  for (let n = 0; n < 10_000; n += 250)
    await Promise.all(Array.from({ length: 250 }, () => log.append(refusedOperation)));
  for (let n = 0; n < 10; n += 1) await log.append(refusedOperation);
  const counting = new CountingStore(openStore(`${directory}/${LOG_FILE}`));
  const again = openLogOn(counting, { clock });
  t.teardown(() => {
    again.close();
  });
  t.equal((await again.read()).applied, 10_010);
  t.equal(counting.rows, 10, 'the rows after the checkpoint, once');
  t.equal(stateHash(await again.read()), stateHash(await log.read()));
  t.ok((await log.status()).checkpointSlot >= 10_000);
});

t.test('P7 a checkpoint holds the whole state: what is replayed from it is the same', async (t) => {
  const { directory, log } = await freshLog(t);
  await log.append(volumeNamed('db'), { id: 'r1', digest: 'd' });
  await log.append(volumeNamed('wal'));
  await log.checkpoint();
  t.same(await log.status(), { engine: 'paxos', lastSlot: 2, checkpointSlot: 2 });
  await log.append(volumeNamed('blobs'));
  const state = await log.read();
  t.equal(await log.scrub(), 1);
  await withLog(directory, async (again) => {
    const replayed = await again.read();
    t.same(replayed, state);
    t.equal(stateHash(replayed), stateHash(state));
    await again.checkpoint();
    await again.checkpoint();
  });
  t.equal(stateHash(await log.read()), stateHash(state), 'also for one that was open while another dropped the rows');
  t.match(await log.append(volumeNamed('more')), { status: 'chosen', slot: 4, outcome: { ok: true } });
});

t.test('D10 damage stops the node for good, whoever asks', async (t) => {
  const { directory, log } = await freshLog(t);
  await log.append(volumeNamed('a'));
  const { Sqlite } = await import('#src/adapters/store-sqlite/sqlite.js');
  const database = new Sqlite(`${directory}/${LOG_FILE}`);
  t.teardown(() => database.close());
  await withLog(directory, (other) => other.append(volumeNamed('b')));
  database.exec('CREATE TABLE aside AS SELECT * FROM log WHERE slot = 2; DELETE FROM log WHERE slot = 2');
  const error = await rejection(() => log.read());
  t.equal(error.code, 'LOG_CORRUPT');
  t.equal(error.details['slot'], 2);
  database.exec('INSERT INTO log SELECT * FROM aside');
  t.equal((await rejection(() => log.append(volumeNamed('c')))).code, 'LOG_CORRUPT');
  t.equal((await rejection(() => log.read())).code, 'LOG_CORRUPT');
  await withLog(directory, async (fresh) => {
    t.equal((await fresh.read()).applied, 2);
  });
});

t.test('L6 a full store did nothing, and the next append goes on where it was', async (t) => {
  const store = memoryStore();
  const log = openLogOn(store, { clock });
  await log.append(volumeNamed('a'));
  store.nextCommit = 'isFull';
  t.equal((await rejection(() => log.append(volumeNamed('b')))).code, 'STORE_FULL');
  t.same(Object.keys((await log.read()).volumes), ['a']);
  t.match(await log.append(volumeNamed('c')), { status: 'chosen', slot: 2 });
});

t.test('D6 after a failed sync the answer is unknown, and everything refuses', async (t) => {
  const store = memoryStore();
  const log = openLogOn(store, { clock });
  store.nextCommit = 'failsToSync';
  t.match(await log.append(volumeNamed('a')), { status: 'unknown' });
  t.equal((await rejection(() => log.append(volumeNamed('b')))).code, 'LOG_LATCHED');
  t.equal((await rejection(() => log.read())).code, 'LOG_LATCHED');
  t.equal((await rejection(() => log.checkpoint())).code, 'LOG_LATCHED');
});

t.test('T2 a log with more voters than this node is for the daemon only', async (t) => {
  const voters = ['alpha', 'beta', 'gamma'].map(nodeId);
  const error = await rejection(async () =>
    openLogOn(
      new MemoryStore({
        ...identity,
        configuration: { id: 2, voters, learners: [], after: slot(0) },
        mode: 'embedded',
      }),
      { clock },
    ),
  );
  t.equal(error.code, 'UNAVAILABLE');
  t.match(error.message, /daemon/);
});

t.test('missing, existing and foreign logs are told apart', async (t) => {
  const directory = freshDirectory(t);
  const missing = await rejection(() => openEmbeddedLog(directory, { clock }));
  t.equal(missing.code, 'STATE_NOT_FOUND');
  t.match(missing.message, /snapcommit init/);
  await initEmbeddedLog(directory, identity);
  t.equal((await rejection(() => initEmbeddedLog(directory, identity))).code, 'EXISTS');
  for (const expected of [{ node: 'beta' }, { cluster: 'another' }])
    t.equal((await rejection(() => openEmbeddedLog(directory, { clock, expected }))).code, 'LOG_FOREIGN');
  const ours = await openEmbeddedLog(directory, {
    clock,
    expected: { node: identity.node, cluster: identity.cluster },
  });
  ours.close();
  t.equal((await rejection(() => ours.read())).code, 'UNAVAILABLE', 'a closed log says so');
});

t.test('an entry that members could not send each other enters no log that may become a cluster’s', async (t) => {
  const { log } = await freshLog(t);
  const naming = (bytes: number) => ({ type: 'removeVolume', volume: 'x'.repeat(bytes) }) as const;
  const tooLarge = { status: 'notDone', reason: /^too large: this entry of the log has .* 4194304 at most; do it in/ };
  t.match(await log.append(naming(4 << 20)), tooLarge);
  t.equal((await log.status()).lastSlot, 0);
  t.match(await log.append(naming((4 << 20) - 1024)), { status: 'chosen', slot: 1 }, 'and the log goes on');
});

t.test('an operation that is not what its type says is refused before it is proposed', async (t) => {
  const { log } = await freshLog(t);
  await t.rejects(log.append({ type: 'retire', group: 'app', generations: [0.5] }), TypeError);
  t.equal((await log.status()).lastSlot, 0);
});
