/** What the btrfs driver promises to be durable, shown by mounting the image as a power loss would leave it. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { createBtrfsDriver } from '#src/adapters/driver-btrfs/index.js';
import type { VolumePlace } from '#src/ports/volume-driver.js';
import { rejectsWith } from '../contract/volume-driver.js';
import { makeBtrfs, run, type TestBtrfs } from '../support/btrfs.js';

const driver = createBtrfsDriver();
const CHILD = fileURLToPath(new URL('../support/driver-btrfs-child.js', import.meta.url));

interface Prepared {
  readonly btrfs: TestBtrfs;
  readonly place: VolumePlace;
  /** The volume as it is after a power loss now. */
  readonly afterPowerLoss: () => VolumePlace;
}

async function prepare(t: Test): Promise<Prepared> {
  const btrfs = makeBtrfs(t);
  const place = { name: 'db', source: btrfs.subvolume('live'), publishDirectory: join(btrfs.mount, '.snapcommit/db') };
  run('sync', '--file-system', btrfs.mount);
  await driver.prepare(place);
  return {
    btrfs,
    place,
    afterPowerLoss: () => {
      const mount = btrfs.afterPowerLoss();
      const source = place.source.replace(btrfs.mount, mount);
      return { name: 'db', source, publishDirectory: place.publishDirectory.replace(btrfs.mount, mount) };
    },
  };
}

async function names(place: VolumePlace): Promise<readonly string[]> {
  return (await driver.list(place)).map(({ name }) => name);
}

void t.test('D7 the publish directory is durable when prepare resolves', async (t) => {
  const { afterPowerLoss } = await prepare(t);
  t.same(await names(afterPowerLoss()), []);
});

void t.test(
  'G5 what was written but not synced is in the snapshot, and the snapshot survives a power loss',
  async (t) => {
    const { place, afterPowerLoss } = await prepare(t);
    writeFileSync(join(place.source, 'file'), 'unsynced');
    const { id } = await driver.stage(place, 'staged');
    t.equal(readFileSync(join(driver.path(place, 'staged'), 'file'), 'utf8'), 'unsynced');
    const after = afterPowerLoss();
    t.equal((await driver.lookup(after, 'staged'))?.id, id);
    t.equal(readFileSync(join(driver.path(after, 'staged'), 'file'), 'utf8'), 'unsynced');
  },
);

void t.test('G5 flush writes out what the live tree holds in memory', async (t) => {
  const { place, afterPowerLoss } = await prepare(t);
  writeFileSync(join(place.source, 'file'), 'unsynced');
  await driver.flush(place);
  t.equal(readFileSync(join(afterPowerLoss().source, 'file'), 'utf8'), 'unsynced');
});

void t.test('G12 D7 a rename is durable after sync, and only then', async (t) => {
  const { place, afterPowerLoss } = await prepare(t);
  await driver.stage(place, 'staged');
  await driver.rename(place, 'staged', 'published');
  t.same(await names(afterPowerLoss()), ['staged'], 'else this test could not tell');
  await driver.sync(place);
  t.same(await names(afterPowerLoss()), ['published']);
});

void t.test('a read-only flip of the live tree is durable', async (t) => {
  const { place, afterPowerLoss } = await prepare(t);
  await driver.setLiveReadOnly(place, true);
  t.equal((await driver.live(afterPowerLoss())).readOnly, true);
});

void t.test('D7 what was removed stays removed after a power loss', async (t) => {
  const { place, afterPowerLoss } = await prepare(t);
  for (const name of ['a', 'b', 'kept']) await driver.stage(place, name);
  await driver.remove(place, ['a', 'b']);
  t.same(await names(afterPowerLoss()), ['kept']);
});

void t.test('a removal that crashed in the middle is finished by the next', async (t) => {
  for (const point of ['remove.before', 'remove.after-first', 'remove.after']) {
    const { place } = await prepare(t);
    for (const name of ['a', 'b', 'kept']) await driver.stage(place, name);
    const request = JSON.stringify({ method: 'remove', values: [place, ['a', 'b']] });
    const environment = { ...process.env, SNAPCOMMIT_CRASH_AT: point };
    t.equal(spawnSync(process.execPath, [CHILD, request], { env: environment }).signal, 'SIGKILL', point);
    await driver.remove(place, ['a', 'b']);
    t.same(await names(place), ['kept'], point);
  }
});

void t.test('remove takes the subvolumes with it that a command made inside a clone', async (t) => {
  const { place } = await prepare(t);
  for (const name of ['writable', 'read-only']) {
    await driver.clone(place, name, null);
    const inner = join(driver.path(place, name), 'inner');
    run('btrfs', '--quiet', 'subvolume', 'create', inner);
    run('btrfs', '--quiet', 'subvolume', 'create', join(inner, 'innermost'));
  }
  run('btrfs', 'property', 'set', '-ts', driver.path(place, 'read-only'), 'ro', 'true');
  await driver.remove(place, ['writable', 'read-only']);
  t.same(await names(place), []);
});

void t.test('what a `btrfs send` reads is not deleted and named so, and everything else is, durably', async (t) => {
  const { place, afterPowerLoss } = await prepare(t);
  writeFileSync(join(place.source, 'large'), Buffer.alloc(8 * 1024 * 1024, 'x'));
  for (const name of ['a', 'b', 'c']) await driver.stage(place, name);
  const sending = await startSend(t, driver.path(place, 'a'));
  const failure = await rejectsWith(t, driver.remove(place, ['a', 'b', 'c']), 'IN_USE');
  t.match(failure?.message, /db\/a was not deleted, it is read by a `btrfs send`/);
  t.same(await names(afterPowerLoss()), ['a']);
  await sending.end();
  await driver.remove(place, ['a']);
  t.same(await names(place), []);
});

/** A send that goes on until it is ended: nobody takes what it gives. */
async function startSend(t: Test, path: string): Promise<{ readonly end: () => Promise<void> }> {
  const sending = spawn('btrfs', ['--quiet', 'send', path], { stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = once(sending, 'close');
  const end = async (): Promise<void> => {
    sending.kill('SIGKILL');
    sending.stdout.destroy();
    await ended;
  };
  t.teardown(end);
  await once(sending.stdout, 'readable');
  return { end };
}

void t.test(
  'remove unlinks a symlink and an empty directory, follows nothing, and refuses files that are not ours',
  async (t) => {
    const { btrfs, place } = await prepare(t);
    const victim = join(btrfs.mount, 'victim');
    mkdirSync(victim);
    writeFileSync(join(victim, 'file'), '');
    symlinkSync(victim, join(place.publishDirectory, 'link'));
    symlinkSync(place.source, join(place.publishDirectory, 'link-to-live'));
    mkdirSync(join(place.publishDirectory, 'empty'));
    mkdirSync(join(place.publishDirectory, 'full'));
    writeFileSync(join(place.publishDirectory, 'full/file'), '');
    await driver.remove(place, ['link', 'link-to-live', 'empty']);
    t.same(await names(place), ['full']);
    t.same(readdirSync(victim), ['file']);
    t.ok((await driver.live(place)).id);
    await rejectsWith(t, driver.remove(place, ['full']), 'IN_USE');
    t.same(readdirSync(join(place.publishDirectory, 'full')), ['file']);
  },
);

void t.test('the free space tells when a filesystem is full, data and metadata', async (t) => {
  const { place } = await prepare(t);
  const before = await driver.freeSpace(place);
  const filled = spawnSync('dd', ['if=/dev/zero', `of=${join(place.source, 'fill')}`, 'bs=1M', 'oflag=sync']);
  t.not(filled.status, 0, 'the filesystem is full');
  const after = await driver.freeSpace(place);
  t.ok(after.dataBytes < 8 * 1024 * 1024, `${String(before.dataBytes)} -> ${String(after.dataBytes)}`);
  t.ok(after.metadataBytes < before.metadataBytes, `${String(before.metadataBytes)} -> ${String(after.metadataBytes)}`);
});
