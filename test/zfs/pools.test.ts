/** Calls for whole pools over real ones: the contract, how many calls they are, and snapshots that somebody is looking into. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createCommandRunner } from '#src/adapters/command-runner/index.js';
import { createZfsDriver } from '#src/adapters/driver-zfs/index.js';
import type { CommandRunner } from '#src/ports/commands.js';
import type { PoolCalls, VolumePlace } from '#src/ports/volume-driver.js';
import { poolContract } from '../contract/volume-driver-pools.js';
import { directoryTrees } from '../contract/volume-driver.js';
import { TestPools, zfs } from '../support/pools.js';
import { requireZfs, zfsProgramsRename } from '../support/requirements.js';
import { temporaryDirectory } from '../support/temp.js';

requireZfs(t);

const pools = new TestPools(temporaryDirectory(t, 'pools'));
t.teardown(() => {
  pools.destroy();
});
const datasets = new Map<string, string>();
let made = 0;

function place(pool: number, kind: string): VolumePlace {
  const name = `${kind}${String((made += 1))}`;
  const { dataset, mount } = pools.dataset(pool, name);
  datasets.set(name, dataset);
  return { name, source: join(mount, 'live'), publishDirectory: join(mount, '.snapcommit', name) };
}

poolContract(t, () => {
  const driver = createZfsDriver(createCommandRunner());
  return Promise.resolve({
    driver,
    places: [place(0, 'db'), place(0, 'wal')],
    elsewhere: place(1, 'index'),
    trees: (of) => directoryTrees(driver, of),
    lose: async ({ name }) => Promise.resolve(void zfs('unmount', '-f', datasets.get(name) ?? '')),
  });
});

/** A driver, and the verbs of every `zfs` that it has run. */
function counted() {
  const verbs: string[] = [];
  const runner = createCommandRunner();
  const counting: CommandRunner = {
    run: async (file, args, options) => {
      verbs.push(verbOf(file, args));
      return runner.run(file, args, options);
    },
  };
  const driver = createZfsDriver(counting);
  const of = (...wanted: readonly string[]): readonly string[] => verbs.filter((verb) => wanted.includes(verb));
  return { driver, verbs, of };
}

/** Of a `zfs`, also where another program starts it. */
function verbOf(file: string, args: readonly string[]): string {
  const words = [file, ...args];
  return words[words.findIndex((word) => word.endsWith('/zfs')) + 1] ?? '';
}

/** Volumes of one pool that are staged, with a file in each. */
async function staged(calls: ReturnType<typeof counted>, count: number) {
  const { driver } = calls;
  const { pools: poolOnes } = driver;
  if (poolOnes === null) throw new TypeError('the ZFS driver has calls for pools');
  const places = Array.from({ length: count }, () => place(0, 'part'));
  for (const each of places) {
    await driver.prepare(each);
    await directoryTrees(driver, each).write(null, 'file', each.name);
  }
  await stageAll(poolOnes, places, 'staged');
  return { poolOnes, places };
}

async function stageAll(poolOnes: PoolCalls, places: readonly VolumePlace[], name: string): Promise<void> {
  const call = await poolOnes.openStage(places, name);
  await call.take();
  for (const each of places) await call.identity(each);
  await call.close();
}

const moved = (places: readonly VolumePlace[]) => places.map((volume) => ({ volume, from: 'staged', to: 'published' }));

void t.test('G8 a pool is staged by one call, and published by one program where programs can rename', async (t) => {
  const calls = counted();
  const { poolOnes, places } = await staged(calls, 4);
  t.equal(calls.of('snapshot').length, 1, 'one zfs snapshot for all');
  t.same(calls.of('program', 'rename'), [], 'nothing is renamed before');
  await poolOnes.rename(moved(places));
  t.same(
    calls.of('program', 'rename'),
    zfsProgramsRename() ? ['program'] : ['program', 'rename', 'rename', 'rename', 'rename'],
  );
  for (const each of places) t.equal(await directoryTrees(calls.driver, each).read('published', 'file'), each.name);
});

void t.test('G10 what was looked into is published with the others, read by its new name, and deleted', async (t) => {
  const calls = counted();
  const { poolOnes, places } = await staged(calls, 2);
  const { driver } = calls;
  // looked into: the kernel has mounted it, by the name that it had
  for (const each of places) t.equal(await directoryTrees(driver, each).read('staged', 'file'), each.name);
  await poolOnes.rename(moved(places));
  for (const each of places) t.equal(await directoryTrees(driver, each).read('published', 'file'), each.name);
  for (const each of places) {
    await driver.remove(each, ['published']);
    t.equal(await driver.lookup(each, 'published'), null);
  }
});

void t.test('G10 what somebody has open is published, and stays readable to them and to others', async (t) => {
  const calls = counted();
  const { poolOnes, places } = await staged(calls, 2);
  const { driver } = calls;
  const opened = places.map((each) => openSync(join(driver.path(each, 'staged'), 'file'), 'r'));
  await poolOnes.rename(moved(places));
  for (const [index, each] of places.entries()) {
    const bytes = Buffer.alloc(64);
    const length = readSync(opened[index] ?? -1, bytes);
    t.equal(bytes.toString('utf8', 0, length), each.name, 'whoever has it open reads on');
    t.equal(readFileSync(join(driver.path(each, 'published'), 'file'), 'utf8'), each.name, 'others read it anew');
    closeSync(opened[index] ?? -1);
    await driver.remove(each, ['published']);
    t.equal(await driver.lookup(each, 'published'), null);
  }
});
