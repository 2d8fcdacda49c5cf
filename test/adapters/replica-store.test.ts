/** What only the daemon's SQLite store has: a worker, files, pages, other processes, and a disk that fills up. */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createStore, openStore } from '#src/adapters/store-sqlite/index.js';
import { openReplicaStore } from '#src/adapters/store-sqlite/replica/index.js';
import { Sqlite } from '#src/adapters/store-sqlite/sqlite.js';
import { openLogOn } from '#src/log/embedded.js';
import { slot, type LogEntry } from '#src/paxos/contiguous-log.js';
import type { ReplicaStore } from '#src/ports/replica-store.js';
import { entry, texts } from '../contract/log-store.js';
import { write } from '../contract/replica-store.js';
import { bytesOf, codeOf, failureOf, numbered, replicaIdentity } from '../contract/replica-store-subject.js';
import { clock, freshDirectory, hasTool, volumeNamed } from '../log/support.js';

function freshStore(t: Test): string {
  const file = join(freshDirectory(t), 'log.sqlite');
  createStore(file, replicaIdentity);
  return file;
}

async function opened(t: Test, file: string, ballastBytes = 0): Promise<ReplicaStore> {
  const store = await openReplicaStore(file, { ballastBytes, busyTimeoutMs: 100 });
  t.teardown(() => store.close());
  return store;
}

t.test('opening says what is wrong, as the embedded form does', async (t) => {
  t.equal(await codeOf(openReplicaStore(join(freshDirectory(t), 'log.sqlite'))), 'STATE_NOT_FOUND');
  const file = freshStore(t);
  const database = new Sqlite(file);
  database.exec('PRAGMA user_version = 99');
  database.close();
  t.equal(await codeOf(openReplicaStore(file)), 'LOG_FORMAT_NEWER');
});

t.test('D10 a member whose votes are damaged does not start, and is told to be replaced', async (t) => {
  const file = freshStore(t);
  const database = new Sqlite(file);
  database.exec(`UPDATE meta SET body = replace(body, '"decided":0', '"decided":1')`);
  database.close();
  const error = await failureOf(openReplicaStore(file));
  t.equal(error.code, 'LOG_CORRUPT');
  t.match(error.message, /replace the member/);
  t.notMatch(error.message, /restore/, 'a copy would have forgotten votes');
});

t.test('D10 rows on a page that cannot be read are damaged rows', async (t) => {
  const file = freshStore(t);
  const first = await openReplicaStore(file, { ballastBytes: 0 });
  await first.persist({ writes: [write(1, 0, ...Array.from({ length: 40 }, (_, n) => entry(String(n).repeat(400))))] });
  await first.close();
  const database = new Sqlite(file);
  const pages = database
    .prepare("SELECT pageno FROM dbstat WHERE name = 'log' AND pagetype = 'leaf' ORDER BY path")
    .pluck()
    .all() as number[];
  database.close();
  const content = readFileSync(file);
  const page = pages[2] ?? 0;
  content.fill(0xa5, (page - 1) * 4096, page * 4096);
  writeFileSync(file, content);
  const store = await opened(t, file);
  const { damaged, entries, head } = await store.load();
  t.ok(pages.length > 4 && damaged.length > 0, `${String(damaged.length)} rows`);
  t.same([entries.length + 1, head.last], [damaged[0], 40]);
  t.same((await store.scrub()).damaged, damaged);
});

t.test('D10 rows without bytes are whole, alone in their batch or among others', async (t) => {
  const file = freshStore(t);
  const { configuration } = replicaIdentity;
  const stop = (at: number): LogEntry => ({
    ...entry(''),
    next: { ...configuration, id: configuration.id + 1, after: slot(at) },
  });
  const first = await openReplicaStore(file, { ballastBytes: 0 });
  await first.persist({ writes: [write(1, 0, stop(1))] });
  await first.persist({ writes: [write(2, 0, entry('before'), stop(3), entry('after'))] });
  await first.persist({ writes: [write(5, 0, entry('before'), stop(6))] });
  await first.close();
  const store = await opened(t, file);
  const { damaged, entries } = await store.load();
  t.same([entries.length, damaged], [6, []]);
  t.same((await store.scrub()).damaged, []);
});

t.test('T2 the embedded form refuses a store that belongs to a cluster, whatever its members are', async (t) => {
  const file = join(freshDirectory(t), 'log.sqlite');
  const sole = { ...replicaIdentity.configuration, voters: replicaIdentity.configuration.voters.slice(0, 1) };
  createStore(file, { ...replicaIdentity, configuration: sole, mode: 'embedded' });
  const long = openLogOn(openStore(file), { clock });
  t.teardown(() => {
    long.close();
  });
  t.equal((await long.append(volumeNamed('before'))).status, 'chosen');
  const store = await opened(t, file);
  await store.persist({ identity: { mode: 'cluster' } });
  t.throws(() => openLogOn(openStore(file), { clock }), {
    code: 'UNAVAILABLE',
    message: /belongs to a cluster .* Start it with: snapcommit daemon/,
  });
  t.equal(await codeOf(long.append(volumeNamed('after'))), 'UNAVAILABLE', 'also one that had it open');
  t.equal(await codeOf(long.read()), 'UNAVAILABLE');
});

t.test('a second daemon on a store puts the first one out', async (t) => {
  const file = freshStore(t);
  const first = await opened(t, file);
  const second = await opened(t, file);
  const error = await failureOf(first.persist({ writes: [write(1, 1, entry('first'))] }));
  t.equal(error.code, 'BUSY');
  t.match(error.message, /another daemon/);
  t.equal(await codeOf(first.load()), 'BUSY', 'for good');
  await second.persist({ writes: [write(1, 1, entry('second'))] });
  t.same(texts((await second.load()).entries), ['second']);
});

t.test('a store that another process has written to is loaded again before the next batch', async (t) => {
  const file = freshStore(t);
  const store = await opened(t, file);
  const other = openStore(file);
  other.exclusively((transaction) => {
    transaction.write(write(1, 1, entry('other')));
  });
  other.close();
  t.equal(await codeOf(store.persist({ writes: [write(1, 1, entry('mine'))] })), 'BUSY');
  t.same(texts((await store.load()).entries), ['other']);
  t.equal(await codeOf(store.persist({ writes: [write(2, 2, entry('mine'))] })), 'done');
});

t.test('L6 what was handed over behind a refused batch is refused too', async (t) => {
  const file = freshStore(t);
  const store = await opened(t, file);
  const holder = new Sqlite(file);
  holder.exec('BEGIN IMMEDIATE');
  const handed = [1, 2, 3].map((n) => codeOf(store.persist({ writes: [write(n, 0, entry(String(n)))] })));
  t.equal(await handed[0], 'BUSY');
  holder.exec('ROLLBACK');
  holder.close();
  t.same(await Promise.all(handed), ['BUSY', 'BUSY', 'BUSY']);
  t.equal(await codeOf(store.persist({ writes: [write(1, 0, entry('again'))] })), 'done');
  t.same(texts((await store.load()).entries), ['again']);
});

t.test('batches go between the slices of a scrub', async (t) => {
  const store = await opened(t, freshStore(t));
  await store.persist({ writes: [write(1, 0, ...numbered(1, 3000))] });
  const order: string[] = [];
  const scrubbed = store.scrub().then((report) => (order.push('scrub'), report));
  await store.persist({ writes: [write(3001, 0, entry('3001'))] }).then(() => order.push('batch'));
  const { rows, damaged } = await scrubbed;
  t.same([order, rows, damaged], [['batch', 'scrub'], 3001, []]);
});

/** A mounted ext4 of 16 MiB that goes when the test ends; null where this process may not mount. */
function smallDisk(t: Test): string | null {
  const root = process.getuid?.() === 0;
  if (process.env['CI'] === 'true') t.ok(root, 'this test has to run as root under CI');
  if (!root || !hasTool(t, 'mkfs.ext4')) return null;
  const directory = freshDirectory(t);
  const [image, mount] = [join(directory, 'image'), join(directory, 'mounted')];
  writeFileSync(image, '');
  truncateSync(image, 16 << 20);
  execFileSync('mkfs.ext4', ['-q', '-F', '-m', '0', image]);
  mkdirSync(mount);
  execFileSync('mount', ['-o', 'loop', image, mount]);
  t.teardown(() => execFileSync('umount', ['-l', mount]));
  return mount;
}

function fill(mount: string): string {
  const filler = join(mount, 'filler');
  const descriptor = openSync(filler, 'w');
  try {
    for (const block = Buffer.alloc(4096, 0x55); ;) writeSync(descriptor, block);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  } finally {
    closeSync(descriptor);
  }
  return filler;
}

t.test(
  'L6 on a full disk rows are refused for sure, votes and checkpoints are not, and it recovers by itself',
  async (t) => {
    const mount = smallDisk(t);
    if (mount === null) return;
    const file = join(mount, 'log.sqlite');
    createStore(file, replicaIdentity);
    const store = await opened(t, file, 2 << 20);
    const ballast = `${file}.ballast`;
    t.ok(statSync(ballast).blocks * 512 >= 2 << 20, 'the ballast has real blocks');
    await store.persist({ writes: [write(1, 1, entry('first'))] });
    const filler = fill(mount);
    let [done, code] = [1, 'done'];
    for (; code === 'done' && done < 1000; done += 1)
      code = await codeOf(store.persist({ writes: [write(done + 1, done, entry('x'.repeat(4096)))] }));
    const last = done - 1;
    t.equal(code, 'STORE_FULL', `${String(last)} batches fitted`);
    t.notOk(existsSync(ballast), 'the ballast is given up');
    t.equal(await codeOf(store.persist({ writes: [write(last + 1, last, entry('no'))] })), 'STORE_FULL');
    t.equal((await store.load()).head.last, last, 'reads go on, and nothing that was refused is there');
    t.equal(await codeOf(store.persist({ writes: [write(last + 1, last)] })), 'done', 'a vote');
    const checkpoint = { bytes: bytesOf('state'), keep: 0 };
    t.equal(await codeOf(store.persist({ applied: slot(last), checkpoint })), 'done', 'a checkpoint');
    rmSync(filler);
    t.equal(
      await codeOf(store.persist({ writes: [write(last + 1, last, entry('yes'))] })),
      'done',
      'there is room again',
    );
    t.ok(existsSync(ballast), 'and a ballast');
    t.same(texts((await store.load()).entries), ['yes']);
  },
);

t.test('L6 a ballast that somebody deleted is made again', async (t) => {
  const file = freshStore(t);
  const store = await opened(t, file, 1 << 16);
  await store.persist({ writes: [write(1, 1, entry('first'))] });
  rmSync(`${file}.ballast`);
  // It is looked for anew when the write-ahead file was folded, and a checkpoint has it folded.
  await store.persist({ writes: [write(2, 1)], applied: slot(1), checkpoint: { bytes: bytesOf('state'), keep: 8 } });
  await store.persist({ writes: [write(2, 2, entry('second'))] });
  t.ok(existsSync(`${file}.ballast`));
});

t.test('L6 a daemon starts on a full disk', async (t) => {
  const mount = smallDisk(t);
  if (mount === null) return;
  const file = join(mount, 'log.sqlite');
  createStore(file, replicaIdentity);
  await (await openReplicaStore(file, { ballastBytes: 2 << 20 })).close();
  fill(mount);
  const store = await opened(t, file, 2 << 20);
  t.equal((await store.load()).life.starts, 2);
  t.equal(await codeOf(store.persist({ writes: [write(1, 1, entry('no'))] })), 'STORE_FULL');
});
