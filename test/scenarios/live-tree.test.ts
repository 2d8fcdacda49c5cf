/**
 * Swaps and those who use the live trees: whoever would lose writes makes a transact refuse, a crash in the middle of an
 * exchange is finished and never undone, and an exec keeps its generation.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { problemsOf, published } from '../support/check-world.js';
import { ended } from '../support/cgroups.js';
import { requireBtrfs, requireCgroups } from '../support/requirements.js';
import { crash, makeGate, makeImpatient, startStopped, startUntilEnd, transactArgs } from '../support/scenario.js';
import { until } from '../support/until.js';
import { makeWorld, readMarker, tool, type World } from '../support/world.js';

requireBtrfs(t);
requireCgroups(t);

const world = await makeWorld(t);
makeImpatient(world);
for (const { live } of world.volumes) {
  mkdirSync(join(live, 'directory'));
  writeFileSync(join(live, 'file'), 'some bytes');
}
world.mark('one');
await world.ask('commit', 'app');

for (const kind of ['open', 'deleted', 'mapped', 'working-directory', 'mounted', 'opened-elsewhere']) {
  await t.test(`T7 a live tree that somebody has ${kind} is not replaced`, async (t) => {
    const before = published(world);
    const place = join(world.directory, `place-${kind}`);
    mkdirSync(place);
    const holder = await holdTree(t, kind, world.volume('wal').live, place);
    const refused = await world.cli(['--json', ...transactArgs(world, 'lost')]);
    t.equal(refused.status, 105, refused.stdout);
    t.match(refused.json, { error: { code: 'IN_USE', details: { volume: 'wal', users: [{ pid: holder.pid }] } } });
    holder.kill('SIGKILL');
    await ended(holder);
    t.strictSame(published(world), before);
    t.strictSame(await problemsOf(world, ['one']), []);
  });
}

await t.test('T7 a write between seal and swap is a conflict, and is kept', async (t) => {
  const before = published(world);
  const running = await startStopped(t, world, ['--json', ...transactArgs(world, 'lost')], 'seal.after');
  const written = join(world.volume('wal').live, 'written-meanwhile');
  writeFileSync(written, 'kept');
  running.resume();
  const refused = await running.done;
  t.equal(refused.status, 105, refused.stdout);
  t.match(refused.json, { error: { code: 'CONFLICT', details: { volume: 'wal' } } });
  t.equal(readFileSync(written, 'utf8'), 'kept');
  t.strictSame(published(world), before);
  t.strictSame(await problemsOf(world, ['one']), []);
});

await t.test('T7 nothing can be written between the check and the swap', async (t) => {
  const running = await startStopped(t, world, transactArgs(world, 'two'), 'swap.checked');
  for (const { live } of world.volumes) {
    t.throws(
      () => {
        writeFileSync(join(live, 'too-late'), '');
      },
      { code: 'EROFS' },
    );
  }
  running.resume();
  t.equal((await running.done).status, 0);
  t.strictSame(await problemsOf(world, ['two']), []);
});

let swaps = 0;
for (const point of [
  'exchange.before',
  'exchange.after-exchange#1',
  'exchange.after-exchange#2',
  'exchange.after-first-sync',
  'exchange.after-move',
  'exchange.after',
  'publish.before-replaced',
  'published.before',
]) {
  await t.test(`T8 a crash at ${point} is recovered forwards, also by a second recovery`, async (t) => {
    swaps += 1;
    const marker = `swap-${String(swaps)}`;
    const [replaced = ''] = world.liveMarkers();
    await crash(world, transactArgs(world, marker), point);
    for (let times = 0; times < 2; times += 1) t.equal((await world.cli(['recover'])).status, 0, 'recover');
    const generation = Math.max(...published(world));
    for (const { publish } of world.volumes) {
      t.equal(readMarker(join(publish, `app@${String(generation)}.replaced`)), replaced, 'the replaced tree is kept');
    }
    t.strictSame(await problemsOf(world, [marker]), []);
  });
}

await t.test('T1 a capture finishes a half-done swap before it stages', async (t) => {
  await crash(world, transactArgs(world, 'half'), 'exchange.after-exchange#1');
  await world.ask('commit', 'app');
  t.strictSame(world.liveMarkers(), ['half', 'half']);
  const generation = Math.max(...published(world));
  for (const { publish } of world.volumes) t.equal(readMarker(join(publish, `app@${String(generation)}`)), 'half');
  t.strictSame(await actionsOf(world), [], 'nothing is left to recover');
  t.strictSame(await problemsOf(world, ['half']), []);
});

await t.test('T1 a capture is refused while a swap cannot be finished', async (t) => {
  await crash(world, transactArgs(world, 'whole'), 'commit.after');
  const before = published(world);
  const { live, mount } = world.volume('wal');
  const away = join(mount, 'away');
  tool('btrfs', 'property', 'set', live, 'ro', 'false');
  renameSync(live, away);
  tool('btrfs', '--quiet', 'subvolume', 'create', live);
  const refused = await world.cli(['--json', 'commit', 'app']);
  t.equal(refused.status, 4, refused.stdout + refused.stderr);
  t.match(refused.json, { error: { code: 'BUSY', details: { node: 'host' } } });
  t.notOk(published(world).includes(Math.max(...before) + 2), 'there is nothing beyond the generation of that swap');
  tool('btrfs', '--quiet', 'subvolume', 'delete', live);
  renameSync(away, live);
  t.equal((await world.cli(['recover'])).status, 0, 'recover');
  t.strictSame(await problemsOf(world, ['whole']), []);
});

await t.test('T9 a restore does not pull the trees away under an exec, and the exec sees its generation', async (t) => {
  const before = world.liveMarkers();
  const gate = makeGate(t, world);
  const looks = world.volumes.map(({ live }) => `cat ${live}/marker; echo`).join('; ');
  const exec = startUntilEnd(t, world, ['exec', 'app@1', '--', '/bin/sh', '-ec', `${gate.script}; ${looks}`]);
  await until('the command runs', gate.arrived);
  const refused = await world.cli(['--json', 'restore', 'app@1']);
  t.equal(refused.status, 5, refused.stdout);
  t.match(refused.json, { error: { code: 'BUSY' } });
  t.strictSame(world.liveMarkers(), before);
  gate.open();
  const { status, stdout } = await exec.done;
  t.equal(status, 0);
  t.equal(stdout, 'one\none\n');
  await world.ask('restore', 'app@1');
  t.strictSame(await problemsOf(world, ['one']), []);
});

async function actionsOf(world: World): Promise<unknown> {
  return ((await world.ask('recover')) as { readonly actions: unknown }).actions;
}

async function holdTree(t: Test, kind: string, tree: string, place: string) {
  const program = join(import.meta.dirname, '..', 'support', 'hold-tree.js');
  const args = ['--mount', '--propagation', 'private', process.execPath, program, kind, tree, place];
  const holder = spawn('/usr/bin/unshare', args, { cwd: '/', stdio: ['pipe', 'pipe', 'inherit'] });
  t.teardown(async () => {
    holder.kill('SIGKILL');
    await ended(holder);
  });
  let said = '';
  holder.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  await until(`it has the tree ${kind}`, () => said.includes('ready'));
  return holder;
}
