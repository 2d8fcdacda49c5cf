/**
 * What a failed sync leaves: the kernel takes pages that it could not write for clean, shows them to whoever reads the file
 * next, and never writes them again. A power loss then takes them away, with everything in the WAL that comes after them.
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Sqlite } from '#src/adapters/store-sqlite/sqlite.js';
import { initEmbeddedLog } from '#src/daemon/embedded-log.js';
import { until } from '../support/until.js';
import { startTraced, syncsOf, traced } from './traced.js';
import { childCommand, freshDirectory, hasTool, identity, run, volumeNamed, withLog } from './support.js';

const PAGE_BYTES = 4096;
const HEADER_BYTES = 32;
const FRAME_BYTES = 24 + PAGE_BYTES;

/** A log with entries that were told, in a WAL that its process, which is dead, has left behind. */
async function leftBehind(t: Test): Promise<string> {
  const directory = freshDirectory(t);
  await initEmbeddedLog(directory, identity);
  await run(t, childCommand('append', directory, 'v', '3', 'die'));
  return directory;
}

/** The bytes of the WAL that its last transaction wrote: the frames after the last but one that ends a transaction. */
function lastTransaction(wal: Buffer): readonly [from: number, to: number] {
  const ends: number[] = [HEADER_BYTES];
  for (let frame = HEADER_BYTES; frame + FRAME_BYTES <= wal.length; frame += FRAME_BYTES)
    if (wal.readUInt32BE(frame + 4) !== 0) ends.push(frame + FRAME_BYTES);
  const [from = 0, to = 0] = ends.slice(-2);
  return [from, to];
}

/** Of `now`, what is on the disk if the pages of `before` between `from` and `to` never got there and were not written again. */
function onDisk(before: Buffer, now: Buffer, [from, to]: readonly [number, number]): Buffer {
  const disk = Buffer.from(now);
  for (let page = from - (from % PAGE_BYTES); page < to; page += PAGE_BYTES) {
    const wasWritten = !before.subarray(page, page + PAGE_BYTES).equals(now.subarray(page, page + PAGE_BYTES));
    if (!wasWritten) disk.fill(0, Math.max(page, from), Math.min(page + PAGE_BYTES, to));
  }
  return disk;
}

t.test('D6 what is built upon an entry whose sync had failed outlives a power loss', async (t) => {
  const directory = await leftBehind(t);
  const wal = join(directory, 'log.sqlite-wal');
  const before = readFileSync(wal);
  const phantom = lastTransaction(before);
  t.ok(phantom[1] > phantom[0], 'there is a last transaction');
  const next = await run(t, childCommand('append', directory, 'w', '1', 'die'));
  t.match(next.stdout, /^chosen 4 w1$/m, 'the next process sees it, and was told its own');

  const lost = freshDirectory(t);
  copyFileSync(join(directory, 'log.sqlite'), join(lost, 'log.sqlite'));
  writeFileSync(join(lost, 'log.sqlite-wal'), onDisk(before, readFileSync(wal), phantom));
  await withLog(lost, async (log) => {
    const { applied, volumes } = await log.read();
    t.equal(applied, 4);
    t.ok(Object.hasOwn(volumes, 'w1'), 'what was acknowledged is there');
    t.equal(await log.scrub(), 4);
  });
});

t.test('D6 nobody is shown an entry of a dead process before it is durable', async (t) => {
  if (!hasTool(t, 'strace')) return;
  const directory = await leftBehind(t);
  const { calls, stdout } = await traced(t, 'fsync,fdatasync,write', childCommand('read', directory));
  t.equal(stdout, '3 3\n');
  const told = calls.findIndex((line) => line.includes('"3 3'));
  const syncs = syncsOf(calls.slice(0, told));
  t.ok(
    syncs.some((line) => line.includes('/log.sqlite>')),
    'the database that it was copied into was synced first',
  );
});

t.test('D6 beside a living process, which knows what its syncs did, reading syncs nothing', async (t) => {
  if (!hasTool(t, 'strace')) return;
  const directory = await leftBehind(t);
  await withLog(directory, async (log) => {
    t.equal((await log.read()).applied, 3);
    await run(t, childCommand('append', directory, 'w', '1', 'die'));
    const { calls, stdout } = await traced(t, 'fsync,fdatasync', childCommand('read', directory));
    t.equal(stdout, '4 4\n');
    t.same(syncsOf(calls), []);
  });
});

t.test('D6 who writes beside another process makes durable first what that one wrote', async (t) => {
  if (!hasTool(t, 'strace')) return;
  const directory = freshDirectory(t);
  await initEmbeddedLog(directory, identity);
  await withLog(directory, async (log) => {
    await log.append(volumeNamed('v1'));
    const { calls, stdout } = await traced(
      t,
      'fsync,fdatasync,write',
      childCommand('append', directory, 'w', '1', 'die'),
    );
    t.match(stdout, /^chosen 2 w1$/m);
    const told = calls.findIndex((line) => line.includes('"chosen '));
    const isDatabase = (line: string): boolean => line.includes('/log.sqlite>');
    t.ok(syncsOf(calls.slice(0, told)).some(isDatabase), 'the other one may have gone when its lock was looked for');
  });
});

t.test('D6 who has to make durable what it found waits while another process does that', async (t) => {
  if (!hasTool(t, 'strace')) return;
  const directory = await leftBehind(t);
  const reader = new Sqlite(join(directory, 'log.sqlite'));
  t.teardown(() => reader.close());
  reader.exec('BEGIN');
  reader.pragma('user_version');
  await run(t, childCommand('append', directory, 'w', '1', 'die'));

  // The lock of SQLite's WAL-index for whoever copies the WAL: https://www.sqlite.org/walformat.html, 2.3.1.
  const isForFolding = (line: string): boolean => /-shm>, F_SETLK, .*l_type=F_WRLCK.*l_start=121,/.test(line);
  const folding = startTraced(t, 'fcntl', childCommand('fold', directory));
  await until('another process folds', () =>
    folding.calls().some((line) => isForFolding(line) && line.endsWith(' = 0')),
  );
  const writing = startTraced(t, 'fcntl', childCommand('append', directory, 'x', '1', 'die'));
  await until('it is in our way', () => writing.calls().some((line) => isForFolding(line) && line.includes('EAGAIN')));
  reader.exec('ROLLBACK');
  t.match((await writing.ended).stdout, /^chosen 5 x1$/m);
  t.match((await folding.ended).stdout, /"busy":0/);
});
