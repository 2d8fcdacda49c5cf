/**
 * Logs that do not belong here: a second state directory beside the first's volumes, an older copy of the state
 * directory, one that lies on its own volume, and one whose disk is full.
 */
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { problemsOf, published } from '../support/check-world.js';
import { requireBtrfs, requireCgroups } from '../support/requirements.js';
import { crash, makeImpatient, startStopped, transactArgs } from '../support/scenario.js';
import { makeWorld, tool, type World } from '../support/world.js';

requireBtrfs(t);
requireCgroups(t);

const world = await makeWorld(t, { stateOnImage: true, freeze: true });
makeImpatient(world);
world.mark('one');
await world.ask('commit', 'app');

await t.test('T11 a fresh init beside another’s volumes may not add them, and sweeps nothing', async (t) => {
  const other = join(world.directory, 'second');
  await ask(other, 'init', '--node', 'host');
  const before = everything(world);
  for (const { name, live } of world.volumes) {
    const refused = await world.cli(['--json', 'volume', 'add', name, '--source', live], { stateDirectory: other });
    t.equal(refused.status, 2, refused.stdout);
    t.match(refused.json, { error: { code: 'SOURCE_MANAGED', message: /another log/ } });
    const renamed = ['volume', 'add', 'renamed', '--source', live];
    for (const add of [renamed, [...renamed, '--publish', join(world.volume(name).mount, 'elsewhere', 'renamed')]]) {
      const again = await world.cli(['--json', ...add], { stateDirectory: other });
      t.equal(again.status, 2, `${add.join(' ')}: ${again.stdout}`);
      t.match(again.json, { error: { code: 'SOURCE_MANAGED', message: /another log/ } }, 'nor under another name');
    }
  }
  const { mount, publish } = world.volume('db');
  const unmanaged = join(mount, 'unmanaged');
  tool('btrfs', '--quiet', 'subvolume', 'create', unmanaged);
  const beside = ['--json', 'volume', 'add', 'unmanaged', '--source', unmanaged, '--publish', publish];
  const refused = await world.cli(beside, { stateDirectory: other });
  t.equal(refused.status, 2, `a tree of its own, but among another’s snapshots: ${refused.stdout}`);
  tool('btrfs', '--quiet', 'subvolume', 'delete', unmanaged);
  t.equal((await world.cli(['recover'], { stateDirectory: other })).status, 0);
  t.strictSame(everything(world), before);
  t.strictSame(await problemsOf(world, ['one']), []);
});

await t.test('T11 another’s snapshots are reported and never swept, even where the stamp was taken away', async (t) => {
  await crash(world, ['commit', 'app'], 'stage.after');
  const other = join(world.directory, 'third');
  await ask(other, 'init', '--node', 'host');
  const stamps = world.volumes.map(({ publish }) => join(publish, '.stamp'));
  const owner = stamps.map((stamp) => readlinkSync(stamp));
  for (const stamp of stamps) renameSync(stamp, `${stamp}-aside`);
  for (const { name, live } of world.volumes) await ask(other, 'volume', 'add', name, '--source', live);
  const before = everything(world);
  const { actions } = (await ask(other, 'recover')) as { readonly actions: readonly { readonly action: string }[] };
  t.ok(actions.length >= 4, 'it says what it sees: a staged snapshot and a generation on each volume');
  for (const action of actions) t.match(action, { action: 'report', reason: /another log|never committed/ });
  t.strictSame(everything(world), before);
  const foreign = await world.cli(['--json', 'recover']);
  t.equal(foreign.status, 6, 'the first log sees that another one has been here');
  t.match(foreign.json, { error: { code: 'LOG_FOREIGN' } });
  for (const stamp of stamps) renameSync(`${stamp}-aside`, stamp);
  t.strictSame(
    stamps.map((stamp) => readlinkSync(stamp)),
    owner,
  );
  t.equal((await world.cli(['recover'])).status, 0);
  t.strictSame(await problemsOf(world, ['one']), []);
});

await t.test('T11 a volume that was removed may be another log’s, and one that was not may not', async (t) => {
  const { mount } = world.volume('db');
  const source = join(mount, 'moving');
  tool('btrfs', '--quiet', 'subvolume', 'create', source);
  const other = join(world.directory, 'fourth');
  await ask(other, 'init', '--node', 'host');
  const add = ['volume', 'add', 'moving', '--source', source];
  await world.ask(...add);
  await world.ask('group', 'create', 'moving', '--volume', 'moving');
  await world.ask('commit', 'moving');
  await world.ask('group', 'remove', 'moving', '--with-generations');
  t.equal((await world.cli(['--json', ...add], { stateDirectory: other })).status, 2, 'not while it is managed');
  await world.ask('volume', 'remove', 'moving');
  await ask(other, ...add);
  await ask(other, 'volume', 'remove', 'moving');
  tool('btrfs', '--quiet', 'subvolume', 'delete', source);
  rmSync(join(mount, '.snapcommit', 'moving'), { recursive: true });
  t.strictSame(await problemsOf(world, ['one']), []);
});

await t.test('D9 a state directory of yesterday is refused by every command, and nothing is changed', async (t) => {
  const yesterday = join(world.directory, 'yesterday');
  cpSync(world.stateDirectory, yesterday, { recursive: true });
  chmodSync(yesterday, 0o700); // which Node 24 does not copy
  world.mark('today');
  await world.ask('commit', 'app');
  const before = everything(world);
  for (const command of [
    ['status'],
    ['recover'],
    ['commit', 'app'],
    transactArgs(world, 'lost'),
    ['restore', 'app@1'],
    ['open', 'app'],
    ['exec', 'app', '--', '/bin/true'],
    ['list', 'app'],
    ['prune', 'app', '--keep-last', '1'],
    ['hold', 'add', 'app@1'],
    ['hold', 'release', 'app@1'],
    ['group', 'create', 'more', '--volume', 'db'],
    ['group', 'update', 'app', '--volume', 'db'],
    ['group', 'remove', 'app', '--with-generations'],
    ['volume', 'remove', 'db'],
    ['volume', 'forfeit', 'db'],
  ]) {
    const refused = await world.cli(['--json', ...command], { stateDirectory: yesterday });
    const offset = command[0] === 'transact' || command[0] === 'exec' ? 100 : 0;
    t.equal(refused.status, offset + 6, `${command.join(' ')}: ${refused.stdout}`);
    t.match(refused.json, { error: { code: 'LOG_BEHIND_STAMP', message: /older copy/ } }, command.join(' '));
  }
  t.strictSame(everything(world), before);
  t.strictSame(await problemsOf(world, ['today']), [], 'the newest state directory works on');
});

await t.test('D9 a log may not lie on a volume that it manages', async (t) => {
  const { live } = world.volume('db');
  const inside = join(live, 'state');
  await ask(inside, 'init', '--node', 'host');
  const refused = await world.cli(['--json', 'volume', 'add', 'self', '--source', live, '--publish', join(live, 'p')], {
    stateDirectory: inside,
  });
  t.equal(refused.status, 2, refused.stdout);
  t.match(refused.json, { error: { code: 'SOURCE_INVALID' } });
  rmSync(inside, { recursive: true });
  t.strictSame(await problemsOf(world, world.liveMarkers()), []);
});

await t.test('L6 a full disk of the log’s refuses with 6, and nothing was begun', async (t) => {
  const before = published(world);
  const slot = await lastSlot(world);
  const free = fillDisk(world);
  t.teardown(free);
  for (const args of [['commit', 'app'], transactArgs(world, 'lost'), ['hold', 'add', 'app@1']]) {
    const refused = await world.cli(['--json', ...args]);
    t.equal(refused.status, args[0] === 'transact' ? 106 : 6, refused.stdout + refused.stderr);
    t.match(refused.json, { error: { code: 'STORE_FULL' } });
  }
  free();
  t.equal(await lastSlot(world), slot, 'the log has not grown');
  t.strictSame(published(world), before);
  t.strictSame(await problemsOf(world, world.liveMarkers()), []);
});

await t.test('L6 a disk that fills between begin and commit: what was answered is so', async (t) => {
  const before = published(world);
  const running = await startStopped(t, world, ['--json', 'commit', 'app'], 'commit.before');
  const free = fillDisk(world);
  t.teardown(free);
  running.resume();
  const result = await running.done;
  t.equal(result.status, 5, `a sure no: ${result.stdout}${result.stderr}`);
  t.match(result.json, { error: { details: { transaction: /./ } } });
  free();
  t.equal((await world.cli(['recover'])).status, 0);
  t.strictSame(published(world), before);
  t.strictSame(await problemsOf(world, world.liveMarkers()), []);
});

/** Leaves no byte free beside the log; the returned function frees them again. */
function fillDisk(world: World): () => void {
  const ballast = join(world.directory, 'state', 'ballast');
  mkdirSync(ballast);
  for (const size of [1024 * 1024, 64 * 1024, 1024]) {
    for (let count = 0; isWritten(join(ballast, `${String(size)}-${String(count)}`), size); count += 1);
  }
  if (statfsSync(ballast).bavail > 0) throw new Error('the disk is not full');
  return () => {
    rmSync(ballast, { recursive: true, force: true });
  };
}

function isWritten(file: string, size: number): boolean {
  try {
    writeFileSync(file, Buffer.alloc(size));
    return true;
  } catch {
    return false;
  }
}

async function lastSlot(world: World): Promise<number> {
  return ((await world.ask('status')) as { readonly log: { readonly lastSlot: number } }).log.lastSlot;
}

/** Every name on the volumes and where the links lead. */
function everything(world: World): readonly string[] {
  return world.volumes.flatMap(({ mount, publish }) => [
    ...readdirSync(mount),
    ...readdirSync(publish, { withFileTypes: true }).map((entry) =>
      entry.isSymbolicLink() ? `${entry.name} -> ${readlinkSync(join(publish, entry.name))}` : entry.name,
    ),
  ]);
}

async function ask(stateDirectory: string, ...args: readonly string[]): Promise<unknown> {
  const result = await world.cli(['--json', ...args], { stateDirectory });
  if (result.status === 0) return result.json;
  throw new Error(`${args.join(' ')}: ${String(result.status)} ${result.stdout}${result.stderr}`);
}
