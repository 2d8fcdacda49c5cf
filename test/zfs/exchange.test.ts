// test-timeout-seconds: 1200
/** Exchanging live datasets: a crash at every step, what a reboot leaves mounted, what is carried over, encryption. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createCommandRunner } from '#src/adapters/command-runner/index.js';
import { createZfsDriver } from '#src/adapters/driver-zfs/index.js';
import type { VolumePlace } from '#src/ports/volume-driver.js';
import { rejectsWith } from '../contract/volume-driver-subject.js';
import { until } from '../support/until.js';
import { crashAt, makePool, mountLinesAt, property, zfs } from '../support/zfs.js';

const driver = createZfsDriver(createCommandRunner());
const pool = makePool(t);
const POINTS = [
  'exchange.promoted',
  'exchange.before',
  'exchange.after-base',
  'exchange.after-exchange',
  'exchange.after-mount-beneath',
  'exchange.after',
];

/** Where a reboot finds something else mounted than what stood there. */
const RENAMED = ['exchange.after-base', 'exchange.after-exchange', 'exchange.after-mount-beneath'];

interface Begun {
  readonly dataset: string;
  readonly place: VolumePlace;
  readonly identities: { readonly base: string; readonly clone: string };
}

/** A volume with a clone that was changed, and the live tree read-only, as a transaction has it before its commit. */
async function begin(t: Test, name: string, ...options: readonly string[]): Promise<Begun> {
  const begun = await beginSealed(t, name, ...options);
  await driver.setLiveReadOnly(begun.place, true);
  return begun;
}

/** The same before the live tree is read-only. */
async function beginSealed(t: Test, name: string, ...options: readonly string[]): Promise<Begun> {
  const source = pool.dataset(name, ...options);
  const place = { name, source, publishDirectory: join(pool.mount, '.snapcommit', name) };
  t.same((await driver.inspect(name, source, place.publishDirectory)).exchange, { possible: true });
  await driver.prepare(place);
  writeFileSync(join(source, 'file'), 'old');
  await driver.stage(place, 'app@1');
  const base = (await driver.live(place)).id;
  const clone = (await driver.clone(place, 'clone', null)).id;
  writeFileSync(join(driver.path(place, 'clone'), 'file'), 'new');
  await driver.seal(place, 'clone', 'app@2');
  return { dataset: `${pool.pool}/${name}`, place, identities: { base, clone } };
}

/** Everything that must hold after an exchange, however it came about. */
async function assertExchanged(t: Test, { dataset, place, identities }: Begun): Promise<void> {
  t.same(await driver.live(place), { id: identities.clone, readOnly: false }, 'the clone is live and writable');
  t.equal(property(dataset, 'guid'), identities.clone, 'it has the live dataset’s name');
  t.equal(readFileSync(join(place.source, 'file'), 'utf8'), 'new');
  t.match(await driver.lookup(place, 'clone'), { id: identities.base, readOnly: true }, 'the old tree is kept');
  t.equal(readFileSync(join(driver.path(place, 'clone'), 'file'), 'utf8'), 'old');
  t.equal(readFileSync(join(driver.path(place, 'app@1'), 'file'), 'utf8'), 'old', 'an earlier generation is readable');
  t.equal(
    readFileSync(join(driver.path(place, 'app@2'), 'file'), 'utf8'),
    'new',
    'so is the one that was exchanged in',
  );
  t.equal(mountLinesAt(place.source).length, 1, 'no mount is left over');
  writeFileSync(join(place.source, 'written'), 'after');
  mountAsAtBoot(place);
  t.equal(readFileSync(join(place.source, 'file'), 'utf8'), 'new', 'after a reboot the same is mounted by itself');
  t.equal(readFileSync(join(driver.path(place, 'clone'), 'file'), 'utf8'), 'old', 'so is the old tree');
}

/** What a reboot leaves mounted: whatever is mounted by itself. */
function mountAsAtBoot({ source, publishDirectory }: VolumePlace): void {
  const trees = readdirSync(publishDirectory).filter((name) => name.startsWith('.snapcommit-tree-'));
  for (const path of [source, ...trees.map((name) => join(publishDirectory, name))])
    while (mountLinesAt(path).length > 0) zfs('unmount', '-f', path);
  zfs('mount', '-a');
}

/** T7: what is at the live path is the old tree, read-only, or the new one. */
function assertClosed(t: Test, { place, identities }: Begun, point: string): void {
  const mounted = mountLinesAt(place.source);
  const shows = readFileSync(join(place.source, 'file'), 'utf8');
  t.not(mounted.length, 0, `${point}: something is mounted at the live path`);
  if (shows === 'new') return;
  t.throws(() => {
    writeFileSync(join(place.source, 'lost'), identities.base);
  }, `${point}: the old tree takes no write`);
}

void t.test('T7 T8 after a crash at every step the exchange goes on from there', async (t) => {
  const mountPoint = join(pool.directory, 'elsewhere');
  const own = ['compression=gzip', 'quota=64M', 'reservation=1M', 'com.example:of=mine', `mountpoint=${mountPoint}`];
  const begun = await begin(t, 'steps', ...own.flatMap((option) => ['-o', option]));
  const { dataset, place, identities } = begun;
  for (const point of POINTS) {
    crashAt(point, 'exchange', place, 'clone', identities);
    assertClosed(t, begun, point);
  }
  t.equal(await driver.exchange(place, 'clone', identities), 'done');
  await assertExchanged(t, begun);
  const wanted = {
    compression: 'gzip',
    quota: String(1 << 26),
    reservation: String(1 << 20),
    'com.example:of': 'mine',
  };
  for (const [name, value] of Object.entries({ ...wanted, mountpoint: mountPoint, canmount: 'on' }))
    t.equal(property(dataset, name), value, `${name} is carried over`);
  t.equal(zfs('get', '-H', '-o', 'source', 'readonly', dataset).trim(), 'default', 'no read-only flag is left over');
  zfs('unmount', dataset);
  zfs('mount', dataset);
  t.equal(readFileSync(join(place.source, 'file'), 'utf8'), 'new', 'mounted again it is the same');
});

void t.test('T8 a replaced tree that inherits its mount point is found after a crash while it is moved', async (t) => {
  const begun = await begin(t, 'inherits');
  const { place, identities } = begun;
  crashAt('exchange.settling', 'exchange', place, 'clone', identities);
  assertClosed(t, begun, 'exchange.settling');
  t.equal(await driver.exchange(place, 'clone', identities), 'exchanged');
  await assertExchanged(t, begun);
});

void t.test('T8 a reboot after each rename: the exchange is finished from whatever is mounted then', async (t) => {
  for (const [index, point] of RENAMED.entries()) {
    const begun = await begin(t, `boot${String(index)}`);
    const { place, identities } = begun;
    crashAt(point, 'exchange', place, 'clone', identities);
    mountAsAtBoot(place);
    await driver.exchange(place, 'clone', identities);
    await assertExchanged(t, begun);
  }
});

void t.test('T7 a mount point is exchanged without a gap for readers and writers', async (t) => {
  const { place, identities } = await begin(t, 'gapless', '-o', 'atime=off', '-o', 'exec=off');
  const [before] = mountLinesAt(place.source).map((line) => line.split(' ')[5]?.replace(/^ro/, 'rw'));
  const seen = new Set<string>();
  const enough = new AbortController();
  const reader = (async () => {
    for (let count = 0; !enough.signal.aborted; count += 1) {
      seen.add(await readFile(join(place.source, 'file'), 'utf8').catch(String));
      await writeFile(join(place.source, `probe-${String(count)}`), '').catch(() => undefined);
    }
  })();
  t.equal(await driver.exchange(place, 'clone', identities), 'exchanged');
  while (!seen.has('new')) await readFile('/proc/self/stat');
  enough.abort();
  await reader;
  t.same([...seen].sort(), ['new', 'old'], 'every read gave one tree or the other');
  t.same(
    mountLinesAt(place.source).map((line) => line.split(' ')[5]),
    [before],
    'the mount options are the same',
  );
  zfs('unmount', '-f', place.source);
  t.same(mountLinesAt(place.source), []);
  t.throws(() => readFileSync(join(place.source, 'file')), 'nothing was written beneath the mounts');
});

void t.test('T7 who stays in a snapshot of the live tree is told before anything is decided', async (t) => {
  const { place } = await begin(t, 'read');
  // by its name everybody is led to its stand-in by now
  const descriptor = openSync(join(place.source, '.zfs/snapshot/app:1/file'), 'r');
  t.match(
    (await rejectsWith(t, driver.setLiveReadOnly(place, true), 'IN_USE'))?.message,
    join(place.source, '.zfs/snapshot/app:1'),
  );
  closeSync(descriptor);
});

void t.test('T7 who looks into a generation again and again is no obstacle, and finds it each time', async (t) => {
  const begun = await beginSealed(t, 'looked');
  const { place, identities } = begun;
  const stop = await readAllTheTime(t, join(driver.path(place, 'app@1'), 'file'));
  await driver.setLiveReadOnly(place, true);
  t.equal(await driver.exchange(place, 'clone', identities), 'exchanged');
  t.same(await stop(), ['old'], 'the generation was there at every look');
  await assertExchanged(t, begun);
});

/** A process that reads a file again and again; the answer stops it and tells what it saw. */
async function readAllTheTime(t: Test, file: string): Promise<() => Promise<readonly string[]>> {
  const child = spawn(process.execPath, ['-e', READER, file], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const closed = once(child, 'close');
  await until('the reader has read', () => output.startsWith('reading\n'));
  return async () => {
    child.stdin.end();
    await closed;
    return JSON.parse(output.slice('reading\n'.length)) as readonly string[];
  };
}

const READER = `
  const { readFileSync } = require('node:fs');
  const seen = new Set();
  const look = () => { try { seen.add(readFileSync(process.argv[1], 'utf8')); } catch (error) { seen.add(String(error)); } };
  const timer = setInterval(() => { for (let count = 0; count < 100; count += 1) look(); }, 1);
  process.stdin.resume().on('end', () => { clearInterval(timer); console.log(JSON.stringify([...seen])); });
  look();
  console.log('reading');
`;

void t.test('what was delegated on the live dataset is delegated on the one that takes its place', async (t) => {
  const begun = await begin(t, 'delegated');
  const { dataset, place, identities } = begun;
  zfs('allow', '-s', '@keeper', 'hold,release', dataset);
  zfs('allow', '-c', 'destroy,mount', dataset);
  zfs('allow', '-l', '-u', 'nobody', '@keeper,snapshot', dataset);
  zfs('allow', '-d', '-e', 'userprop', dataset);
  zfs('allow', '-g', 'daemon', 'create,mount', dataset);
  const before = zfs('allow', dataset);
  t.match(before, /user nobody .*@keeper/);
  await driver.exchange(place, 'clone', identities);
  await assertExchanged(t, begun);
  t.equal(zfs('allow', dataset), before);
});

void t.test('an encryption root of its own is exchanged and back, and its key is unloaded and loaded', async (t) => {
  const key = join(pool.directory, 'key');
  writeFileSync(key, 'a key of thirty-two bytes, just so'.slice(0, 32));
  const encrypted = ['encryption=on', 'keyformat=raw', `keylocation=file://${key}`];
  const begun = await begin(t, 'secret', ...encrypted.flatMap((option) => ['-o', option]));
  const { dataset, place, identities } = begun;
  for (const point of POINTS) crashAt(point, 'exchange', place, 'clone', identities);
  await assertExchanged(t, begun);
  t.equal(property(dataset, 'encryptionroot'), dataset, 'the new live dataset is its own encryption root');
  const back = { base: identities.clone, clone: identities.base };
  t.equal(await driver.exchange(place, 'clone', back), 'exchanged');
  t.equal(readFileSync(join(place.source, 'file'), 'utf8'), 'old');
});
