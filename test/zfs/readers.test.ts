// test-timeout-seconds: 1800
/** Who reads generations while datasets are exchanged: finds every one of them at every look, whatever dies meanwhile. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { createCommandRunner } from '#src/adapters/command-runner/index.js';
import { createZfsDriver } from '#src/adapters/driver-zfs/index.js';
import { createSandbox } from '#src/adapters/sandbox/index.js';
import type { VolumePlace } from '#src/ports/volume-driver.js';
import { rejectsWith } from '../contract/volume-driver-subject.js';
import { PLAIN_REQUEST } from '../support/sandboxes.js';
import { until } from '../support/until.js';
import { crashAt, makePool, mountLinesAt, zfs } from '../support/zfs.js';

const driver = createZfsDriver(createCommandRunner());
const pool = makePool(t);

/** From the seal on, in their order. */
const SEAL = ['stand-ins.made'];
const CLOSE = ['stand-ins.led-aside'];
const EXCHANGE = [
  'exchange.promoted',
  'exchange.before',
  'exchange.after-base',
  'exchange.after-exchange',
  'stand-ins.led-back',
  'exchange.after',
];

async function makeVolume(name: string, generations: number): Promise<VolumePlace> {
  const place = { name, source: pool.dataset(name), publishDirectory: join(pool.mount, '.snapcommit', name) };
  await driver.prepare(place);
  for (let generation = 1; generation <= generations; generation += 1) {
    writeFileSync(join(place.source, 'file'), String(generation));
    await driver.stage(place, `.staged~${String(generation)}`);
    await driver.rename(place, `.staged~${String(generation)}`, `app@${String(generation)}`);
  }
  return place;
}

interface Swap {
  readonly generation: number;
  readonly cloneName: string;
  readonly identities: { readonly base: string; readonly clone: string };
}

/** A clone of the live tree (null) or of a generation, which is to become `generation`, with its number in the file. */
async function begin(place: VolumePlace, generation: number, from: number | null): Promise<Swap> {
  const cloneName = `.clone~${String(generation)}`;
  const base = (await driver.live(place)).id;
  const clone = (await driver.clone(place, cloneName, from === null ? null : `app@${String(from)}`)).id;
  writeFileSync(join(driver.path(place, cloneName), 'file'), String(generation));
  return { generation, cloneName, identities: { base, clone } };
}

function staged({ generation }: Swap): string {
  return `.staged~${String(generation)}`;
}

async function publish(place: VolumePlace, swap: Swap): Promise<void> {
  await driver.exchange(place, swap.cloneName, swap.identities);
  const name = `app@${String(swap.generation)}`;
  await driver.rename(place, swap.cloneName, `${name}.replaced`);
  await driver.rename(place, staged(swap), name);
  await driver.sync(place);
}

async function swapWhole(place: VolumePlace, generation: number, from: number | null): Promise<Swap> {
  const swap = await begin(place, generation, from);
  await driver.seal(place, swap.cloneName, staged(swap));
  await driver.setLiveReadOnly(place, true);
  await publish(place, swap);
  return swap;
}

/** By their paths alone: nobody has gone on, or looked after the links. */
function assertAllRead(t: Test, place: VolumePlace, count: number, when: string): void {
  for (let generation = 1; generation <= count; generation += 1) {
    const name = `app@${String(generation)}`;
    t.equal(readFileSync(join(driver.path(place, name), 'file'), 'utf8'), String(generation), `${when}: ${name}`);
  }
}

/** What there is of stand-ins in ZFS, and of links that lead to one. */
function standIns(place: VolumePlace): readonly string[] {
  const datasets = zfs('get', '-H', '-o', 'name,source', '-t', 'filesystem', '-r', 'snapcommit:stands-for', pool.pool)
    .split('\n')
    .filter((line) => line.endsWith('\tlocal') && line.includes(`/${place.name}/`));
  const links = readdirSync(place.publishDirectory)
    .filter((name) => name.startsWith('app@') && !name.endsWith('.replaced'))
    .filter((name) => !readlinkSync(join(place.publishDirectory, name)).includes('/.zfs/snapshot/'));
  return [...datasets, ...links];
}

function mountAsAtBoot({ source, publishDirectory }: VolumePlace): void {
  const trees = readdirSync(publishDirectory).filter((name) => name.startsWith('.snapcommit-tree-'));
  for (const path of [source, ...trees.map((name) => join(publishDirectory, name))])
    while (mountLinesAt(path).length > 0) zfs('unmount', '-f', path);
  zfs('mount', '-a');
}

const READER = fileURLToPath(new URL('../support/generation-reader-process.js', import.meta.url));

/** A process that reads the generations up to `count` again and again; the answer stops it and tells what it met. */
async function startReader(t: Test, kind: 'path' | 'lookup', place: VolumePlace, count: number) {
  const wanted = Array.from({ length: count }, (_, index) => `${String(index + 1)}:${String(index + 1)}`);
  const child = spawn(process.execPath, [READER, kind, JSON.stringify(place), ...wanted], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const closed = once(child, 'close');
  await until(`the reader by ${kind} has read all`, () => output.startsWith('reading\n'));
  return async (): Promise<{ readonly looks: number; readonly problems: readonly unknown[] }> => {
    child.stdin.end();
    await closed;
    return JSON.parse(output.slice('reading\n'.length)) as { looks: number; problems: unknown[] };
  };
}

void t.test('G12 every generation is found at every look, through swaps and restores of restores', async (t) => {
  const place = await makeVolume('looked-at', 3);
  const stops = [await startReader(t, 'path', place, 3), await startReader(t, 'lookup', place, 3)];
  await swapWhole(place, 4, null);
  await swapWhole(place, 5, 1);
  // from a tree that an exchange has replaced, so that it is promoted twice
  await swapWhole(place, 6, 3);
  const [paths, lookups] = await Promise.all(stops.map(async (stop) => stop()));
  t.strictSame(paths?.problems, [], `${String(paths?.looks)} looks by path`);
  t.strictSame(lookups?.problems, [], `${String(lookups?.looks)} looks by the driver`);
  assertAllRead(t, place, 6, 'afterwards');
  t.same(standIns(place), [], 'no stand-in is left');
});

void t.test(
  'G8 G12 after a crash at every step, and a reboot, every generation is there for who only reads',
  async (t) => {
    const place = await makeVolume('crashed', 2);
    const swap = await begin(place, 3, null);
    const die = (point: string, method: string, ...values: readonly unknown[]): void => {
      dieAndBoot(t, place, point, method, ...values);
    };
    for (const point of SEAL) die(point, 'seal', swap.cloneName, staged(swap));
    await driver.seal(place, swap.cloneName, staged(swap));
    for (const point of CLOSE) die(point, 'setLiveReadOnly', true);
    await driver.setLiveReadOnly(place, true);
    for (const point of EXCHANGE) die(point, 'exchange', swap.cloneName, swap.identities);
    await publish(place, swap);
    assertAllRead(t, place, 3, 'afterwards');
    t.same(standIns(place), [], 'no stand-in is left');
  },
);

void t.test('G12 so is it where both trees are mounted in one place, which no reboot leaves behind', async (t) => {
  const place = await makeVolume('beneath', 2);
  const swap = await begin(place, 3, null);
  await driver.seal(place, swap.cloneName, staged(swap));
  await driver.setLiveReadOnly(place, true);
  dieAndBoot(t, place, 'exchange.after-mount-beneath', 'exchange', swap.cloneName, swap.identities);
  await publish(place, swap);
  assertAllRead(t, place, 3, 'afterwards');
});

function dieAndBoot(t: Test, place: VolumePlace, point: string, method: string, ...values: readonly unknown[]): void {
  crashAt(point, method, place, ...values);
  assertAllRead(t, place, 2, `killed at ${point}`);
  mountAsAtBoot(place);
  assertAllRead(t, place, 2, `rebooted at ${point}`);
}

void t.test('what was made ready for an exchange that does not come is taken back', async (t) => {
  const place = await makeVolume('aborted', 2);
  const swap = await begin(place, 3, null);
  await driver.seal(place, swap.cloneName, staged(swap));
  await driver.setLiveReadOnly(place, true);
  t.not(standIns(place).length, 0, 'readers were led aside');
  await driver.setLiveReadOnly(place, false);
  t.same(standIns(place), [], 'and are led back when the live tree is writable again');
  assertAllRead(t, place, 2, 'afterwards');

  crashAt('stand-ins.made', 'seal', place, swap.cloneName, '.staged~again');
  await driver.remove(place, [staged(swap), swap.cloneName]);
  t.same(standIns(place), [], 'whoever sweeps after a crash takes them away');
  assertAllRead(t, place, 2, 'swept');
});

void t.test('T13 who reads in a stand-in keeps it, and a generation with one can be removed', async (t) => {
  const place = await makeVolume('stayed', 2);
  const swap = await begin(place, 3, null);
  await driver.seal(place, swap.cloneName, staged(swap));
  await driver.setLiveReadOnly(place, true);
  const descriptor = openSync(join(driver.path(place, 'app@1'), 'file'), 'r');
  await publish(place, swap);
  t.equal(standIns(place).length, 1, 'that one stays');
  await driver.rename(place, 'app@1', '.trash~1');
  await driver.remove(place, ['.trash~1']);
  const buffer = Buffer.alloc(1);
  readSync(descriptor, buffer, 0, 1, 0);
  t.equal(buffer.toString(), '1', 'whoever was in it goes on');
  closeSync(descriptor);
  await driver.remove(place, []);
  t.same(standIns(place), []);
  t.notMatch(
    zfs('list', '-H', '-o', 'name', '-t', 'snapshot', '-r', pool.pool),
    'stayed@app:1',
    'and so is the snapshot',
  );
});

void t.test('T7 who stays in a snapshot itself is told of, and all are led back', async (t) => {
  const place = await makeVolume('stood-in', 2);
  const descriptor = openSync(join(driver.path(place, 'app@1'), 'file'), 'r');
  const swap = await begin(place, 3, null);
  await driver.seal(place, swap.cloneName, staged(swap));
  await rejectsWith(t, driver.setLiveReadOnly(place, true), 'IN_USE');
  t.same(standIns(place), []);
  closeSync(descriptor);
  await driver.setLiveReadOnly(place, true);
  await publish(place, swap);
  assertAllRead(t, place, 3, 'afterwards');
});

void t.test('T7 who sends a snapshot is told of before the decision', async (t) => {
  const place = await makeVolume('sent', 2);
  writeFileSync(join(place.source, 'large'), randomBytes(8 * 1024 * 1024));
  await driver.stage(place, '.staged~large');
  const sending = spawn('/sbin/zfs', ['send', `${pool.pool}/sent@.staged:-large`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => sending.kill('SIGKILL'));
  // one that nobody reads on from there goes on being sent
  await once(sending.stdout, 'readable');
  const swap = await begin(place, 3, null);
  await driver.seal(place, swap.cloneName, staged(swap));
  await rejectsWith(t, driver.setLiveReadOnly(place, true), 'IN_USE');
  t.same(standIns(place), [], 'readers are led back');
  sending.stdout.resume();
  await once(sending, 'exit');
  await driver.seal(place, swap.cloneName, '.staged~again');
  await driver.setLiveReadOnly(place, true);
  await publish(place, swap);
  assertAllRead(t, place, 3, 'afterwards');
});

void t.test('T7 so is who stays in the replaced tree that a restored generation stands in', async (t) => {
  const place = await makeVolume('stood-in-replaced', 3);
  await swapWhole(place, 4, 1);
  // app@2 and app@3 are later than what was restored, so they stand in the tree that was replaced
  const descriptor = openSync(join(driver.path(place, 'app@2'), 'file'), 'r');
  const swap = await begin(place, 5, 3);
  await driver.seal(place, swap.cloneName, staged(swap));
  await rejectsWith(t, driver.setLiveReadOnly(place, true), 'IN_USE');
  closeSync(descriptor);
  await driver.seal(place, swap.cloneName, '.staged~again');
  await driver.setLiveReadOnly(place, true);
  await publish(place, swap);
  assertAllRead(t, place, 5, 'afterwards');
});

void t.test('G12 T13 a prune between two steps of a swap takes nothing away that the next step needs', async (t) => {
  const place = await makeVolume('pruned', 3);
  const swap = await begin(place, 4, null);
  const prune = async (generation: number): Promise<void> => {
    await driver.rename(place, `app@${String(generation)}`, `.trash~${String(generation)}`);
    await driver.remove(place, [`.trash~${String(generation)}`]);
  };
  await driver.seal(place, swap.cloneName, staged(swap));
  await prune(1);
  await driver.setLiveReadOnly(place, true);
  await prune(2);
  t.notMatch(readlinkSync(driver.path(place, 'app@3')), '/.zfs/snapshot/', 'readers are still led aside');
  t.equal(readFileSync(join(driver.path(place, 'app@3'), 'file'), 'utf8'), '3');
  await publish(place, swap);
  t.same(standIns(place), [], 'no stand-in is left');
  t.notMatch(zfs('list', '-H', '-o', 'name', '-t', 'snapshot', '-r', pool.pool), /pruned@(app:[12]|.*trash)/);
});

void t.test('G12 a stand-in that is not mounted is no empty generation', async (t) => {
  const place = await makeVolume('not-mounted', 1);
  const swap = await begin(place, 2, null);
  await driver.seal(place, swap.cloneName, staged(swap));
  await driver.setLiveReadOnly(place, true);
  const link = driver.path(place, 'app@1');
  zfs('unmount', resolve(place.publishDirectory, readlinkSync(link)));
  t.throws(() => readdirSync(link), { code: 'ENOENT' });
  await driver.lookup(place, 'app@1');
  t.equal(readFileSync(join(link, 'file'), 'utf8'), '1', 'who looks by the driver finds it all the same');
  await publish(place, swap);
  assertAllRead(t, place, 2, 'afterwards');
  t.same(standIns(place), []);
});

const EXPIRE = '/sys/module/zfs/parameters/zfs_expire_snapshot';

void t.test('T9 a command that runs for long with a generation does not keep others from reading it', async (t) => {
  const place = await makeVolume('long', 2);
  const before = readFileSync(EXPIRE, 'utf8');
  t.teardown(() => {
    writeFileSync(EXPIRE, before);
  });
  writeFileSync(EXPIRE, '1');
  const running = new AbortController();
  const ended = createSandbox().run({
    ...PLAIN_REQUEST,
    command: [
      '/bin/sh',
      '-c',
      `cat ${place.source}/file >/dev/null && echo here >${pool.directory}/started; exec sleep 600`,
    ],
    placements: [{ from: driver.path(place, 'app@1'), at: place.source, readOnly: true }],
    signal: running.signal,
  });
  await until('the command runs', () => readdirSync(pool.directory).includes('started'));
  readFileSync(join(driver.path(place, 'app@2'), 'file'));
  const other = join(place.source, '.zfs/snapshot/app:2');
  await until('the kernel takes away what nobody is in', () => mountLinesAt(other).length === 0);
  assertAllRead(t, place, 2, 'beside the command');
  running.abort();
  t.match(await ended, { interrupted: true });
});
