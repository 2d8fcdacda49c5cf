/** Exchanging live trees on btrfs: crashes in between, mount points, other mounts, and what survives a power loss. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { createBtrfsDriver } from '#src/adapters/driver-btrfs/index.js';
import type { VolumePlace } from '#src/ports/volume-driver.js';
import { rejectsWith } from '../contract/volume-driver.js';
import { makeBtrfs, run, type TestBtrfs } from '../support/btrfs.js';
import { requireCommand } from '../support/requirements.js';
import { temporaryDirectory } from '../support/temp.js';

const driver = createBtrfsDriver();
const CHILD = fileURLToPath(new URL('../support/driver-btrfs-child.js', import.meta.url));
const POINTS = [
  'exchange.before',
  'exchange.after-exchange',
  'exchange.after-first-sync',
  'exchange.after-move',
  'exchange.after',
];

interface Begun {
  readonly btrfs: TestBtrfs;
  readonly place: VolumePlace;
  readonly identities: { readonly base: string; readonly clone: string };
}

/** A volume with a clone that was changed, and the live tree read-only, as a transaction has it before its commit. */
async function begin(t: Test, btrfs: TestBtrfs, source: string, publish?: string): Promise<Begun> {
  const place = { name: 'db', source, publishDirectory: publish ?? join(btrfs.mount, '.snapcommit/db') };
  const inspection = await driver.inspect(place.name, source, place.publishDirectory);
  t.same(inspection.exchange, { possible: true });
  await driver.prepare(place);
  writeFileSync(join(source, 'file'), 'old');
  const base = (await driver.live(place)).id;
  const clone = (await driver.clone(place, 'clone', null)).id;
  writeFileSync(join(driver.path(place, 'clone'), 'file'), 'new');
  await driver.setLiveReadOnly(place, true);
  return { btrfs, place, identities: { base, clone } };
}

function beginPlain(t: Test): Promise<Begun> {
  const btrfs = makeBtrfs(t);
  btrfs.subvolume('data');
  return begin(t, btrfs, btrfs.subvolume('data/live'));
}

function beginMounted(t: Test, options?: string): Promise<Begun> {
  const btrfs = makeBtrfs(t);
  btrfs.subvolume('data');
  btrfs.subvolume('data/live');
  return begin(t, btrfs, btrfs.mountSubvolume('data/live', options));
}

/** Everything that must hold after an exchange, however it came about. */
async function assertExchanged(t: Test, { btrfs, place, identities }: Begun): Promise<void> {
  t.same(await driver.live(place), { id: identities.clone, readOnly: false }, 'the clone is live and writable');
  t.equal(readFileSync(join(place.source, 'file'), 'utf8'), 'new');
  t.match(await driver.lookup(place, 'clone'), { id: identities.base, readOnly: true }, 'the old tree is kept');
  t.equal(readFileSync(join(driver.path(place, 'clone'), 'file'), 'utf8'), 'old');
  t.same(readdirSync(join(btrfs.mount, 'data')), ['live'], 'nothing is left beside the live tree');
}

function crashAt(point: string, { place, identities }: Begun): void {
  const request = JSON.stringify({ method: 'exchange', values: [place, 'clone', identities] });
  const environment = { ...process.env, SNAPCOMMIT_CRASH_AT: point };
  const { signal, stderr } = spawnSync(process.execPath, [CHILD, request], { env: environment, encoding: 'utf8' });
  if (signal !== 'SIGKILL') throw new Error(`was not killed at ${point}: ${stderr}`);
}

function mountsAt(path: string): readonly string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.split(' ')[4] === path);
}

for (const [kind, beginOne, points] of [
  ['a plain path', beginPlain, POINTS],
  ['a mount point', beginMounted, [...POINTS, 'exchange.after-mount-beneath']],
] as const)
  for (const point of points)
    void t.test(`T8 after a crash at ${point} the exchange of ${kind} is finished, not undone`, async (t) => {
      const begun = await beginOne(t);
      const { place, identities } = begun;
      crashAt(point, begun);
      await driver.exchange(place, 'clone', identities);
      await assertExchanged(t, begun);
      t.equal(await driver.exchange(place, 'clone', identities), 'done');
      await assertExchanged(t, begun);
      t.equal(mountsAt(place.source).length, kind === 'a plain path' ? 0 : 1, 'no mount is left over');
    });

for (const point of POINTS)
  void t.test(`G12 D7 after a power loss at ${point} the exchange is finished`, async (t) => {
    const begun = await beginPlain(t);
    crashAt(point, begun);
    const mount = begun.btrfs.afterPowerLoss();
    const moved = (path: string): string => path.replace(begun.btrfs.mount, mount);
    const { name, source, publishDirectory } = begun.place;
    const place = { name, source: moved(source), publishDirectory: moved(publishDirectory) };
    if (point === 'exchange.after-first-sync')
      t.equal((await driver.live(place)).id, begun.identities.clone, 'the exchange was durable with the first sync');
    if (point === 'exchange.after') await assertExchanged(t, { ...begun, place, btrfs: { ...begun.btrfs, mount } });
    await driver.exchange(place, 'clone', begun.identities);
    await assertExchanged(t, { ...begun, place, btrfs: { ...begun.btrfs, mount } });
  });

void t.test('T7 the live tree stays read-only through the exchange', async (t) => {
  const begun = await beginPlain(t);
  const parent = join(begun.btrfs.mount, 'data');
  for (const point of ['exchange.before', 'exchange.after-exchange']) {
    crashAt(point, begun);
    const trees = readdirSync(parent).map((name) => join(parent, name));
    t.equal(trees.length, 2, point);
    for (const tree of trees) {
      const old = readFileSync(join(tree, 'file'), 'utf8') === 'old';
      t.match(run('btrfs', 'property', 'get', '-ts', tree, 'ro'), `ro=${String(old)}`, `${point}: ${tree}`);
    }
  }
});

void t.test('what is mounted is no part of another detached mount, which needs Linux 6.15', async (t) => {
  const strace = requireCommand(t, 'strace');
  const begun = await beginMounted(t);
  const trace = join(temporaryDirectory(t), 'trace');
  const request = JSON.stringify({ method: 'exchange', values: [begun.place, 'clone', begun.identities] });
  const calls = 'trace=open_tree,fsmount,move_mount';
  run(strace, '-f', '-qq', '-o', trace, '-e', calls, process.execPath, CHILD, request);
  const made = Array.from(readFileSync(trace, 'utf8').matchAll(/ (\w+)\(/g), ([, name]) => name);
  t.same(made, ['fsmount', 'fsmount', 'move_mount'], 'the top level, the live tree, and its place');
  await assertExchanged(t, begun);
});

void t.test('a mount point is exchanged without a gap for a reader, and keeps its mount options', async (t) => {
  const begun = await beginMounted(t, 'noatime,nosuid,nodev,noexec,nodiratime');
  const { place, identities } = begun;
  const [before] = mountsAt(place.source).map((line) => line.split(' ')[5]);
  const seen = new Set<string>();
  const enough = new AbortController();
  const reader = (async () => {
    while (!enough.signal.aborted) seen.add(await readFile(join(place.source, 'file'), 'utf8').catch(String));
  })();
  t.equal(await driver.exchange(place, 'clone', identities), 'exchanged');
  while (!seen.has('new')) await readFile('/proc/self/stat');
  enough.abort();
  await reader;
  t.same([...seen].sort(), ['new', 'old'], 'every read gave one tree or the other');
  t.match(before, /nosuid,nodev,noexec,noatime,nodiratime/);
  t.same(
    mountsAt(place.source).map((line) => line.split(' ')[5]),
    [before],
  );
  await assertExchanged(t, begun);
});

for (const options of ['ro', 'strictatime', 'relatime'])
  void t.test(`a mount that is ${options} stays so`, async (t) => {
    const begun = await beginMounted(t);
    const { place, identities } = begun;
    run('mount', '-o', `remount,bind,${options}`, place.source);
    const [before] = mountsAt(place.source).map((line) => line.split(' ')[5]);
    await driver.exchange(place, 'clone', identities);
    t.same(
      mountsAt(place.source).map((line) => line.split(' ')[5]),
      [before],
    );
  });

void t.test('a mount namespace that follows ours shows the new tree too', async (t) => {
  const btrfs = makeBtrfs(t);
  const shared = join(btrfs.outside, 'shared');
  const source = join(shared, 'live');
  mkdirSync(shared);
  run('mount', '--bind', shared, shared);
  run('mount', '--make-shared', shared);
  mkdirSync(source);
  btrfs.subvolume('data');
  btrfs.subvolume('data/live');
  run('mount', '-o', 'subvol=data/live', btrfs.loop, source);
  const begun = await begin(t, btrfs, source);
  const { place, identities } = begun;
  const follower = spawn('unshare', ['--mount', '--propagation', 'slave', 'sh', '-c', 'echo ready; exec cat']);
  t.teardown(() => follower.kill('SIGKILL'));
  await new Promise((resolve) => follower.stdout.once('data', resolve));
  t.equal(await driver.exchange(place, 'clone', identities), 'exchanged');
  const there = join(`/proc/${String(follower.pid ?? 0)}/root`, place.source, 'file');
  t.equal(readFileSync(there, 'utf8'), 'new');
  t.equal(await driver.exchange(place, 'clone', identities), 'done');
});

void t.test('a publish directory in another mount of the filesystem works', async (t) => {
  const btrfs = makeBtrfs(t);
  btrfs.subvolume('data');
  btrfs.subvolume('backup');
  const publish = join(btrfs.mountSubvolume('backup'), 'db');
  const begun = await begin(t, btrfs, btrfs.subvolume('data/live'), publish);
  t.equal(await driver.exchange(begun.place, 'clone', begun.identities), 'exchanged');
  t.equal(await driver.exchange(begun.place, 'clone', begun.identities), 'done');
  await assertExchanged(t, begun);
});

void t.test('a mount point whose live tree was replaced by somebody is a CONFLICT', async (t) => {
  const begun = await beginMounted(t);
  const { btrfs, place, identities } = begun;
  run('mv', join(btrfs.mount, 'data/live'), join(btrfs.mount, 'data/moved'));
  mkdirSync(join(btrfs.mount, 'data/live'));
  await rejectsWith(t, driver.exchange(place, 'clone', { ...identities, base: 'other' }), 'CONFLICT');
  t.equal(readFileSync(join(place.source, 'file'), 'utf8'), 'old');
  t.equal((await driver.lookup(place, 'clone'))?.id, identities.clone);
});

for (const [kind, beginOne] of [
  ['a plain path', beginPlain],
  ['a mount point', beginMounted],
] as const)
  void t.test(
    `what has the name that the exchange of ${kind} needs is told before the commit, and after it`,
    async (t) => {
      const { btrfs, place, identities } = await beginOne(t);
      const name = '.live.snapcommit-exchange';
      const aside = join(btrfs.mount, 'data', name);
      await driver.setLiveReadOnly(place, false);
      const shown = kind === 'a plain path' ? aside : `/data/${name}`;
      const makers = [
        () => {
          writeFileSync(aside, '');
        },
        () => btrfs.subvolume(`data/${name}`),
      ];
      for (const make of makers) {
        make();
        const { exchange } = await driver.inspect(place.name, place.source, place.publishDirectory);
        t.match(exchange, { possible: false, reason: shown });
        const refused = await rejectsWith(t, driver.setLiveReadOnly(place, true), 'EXISTS');
        t.match(refused?.message, shown);
        t.match(await driver.live(place), { readOnly: false });
        const failure = await rejectsWith(t, driver.exchange(place, 'clone', identities), 'CONFLICT');
        t.match(failure?.message, shown);
        t.equal((await driver.lookup(place, 'clone'))?.id, identities.clone, 'nothing was moved');
        run('rm', '-r', aside);
      }
      await driver.setLiveReadOnly(place, true);
      t.equal(await driver.exchange(place, 'clone', identities), 'exchanged');
    },
  );

void t.test('a source with a name that leaves no room for the exchange can be captured only', async (t) => {
  const btrfs = makeBtrfs(t);
  for (const [length, possible] of [
    [234, true],
    [235, false],
  ] as const) {
    const source = btrfs.subvolume('n'.repeat(length));
    const { exchange } = await driver.inspect('db', source, join(btrfs.mount, '.snapcommit/db'));
    t.equal(exchange.possible, possible, String(length));
    if (!exchange.possible) t.match(exchange.reason, /too long/);
  }
});
