/**
 * Processes that sleep through what others do around them: stopped between check and act, continued when the world has
 * moved on. And recoveries that meet: each other, and living commits.
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ended } from '../support/cgroups.js';
import { problemsOf, published } from '../support/check-world.js';
import { requireBtrfs, requireCgroups } from '../support/requirements.js';
import { crash, hasEnded, makeImpatient, startStopped, startUntilEnd, transactArgs } from '../support/scenario.js';
import { until } from '../support/until.js';
import { makeWorld, readMarker, type World } from '../support/world.js';

requireBtrfs(t);
requireCgroups(t);

const world = await makeWorld(t, { freeze: true, hooks: true });
makeImpatient(world);

for (const point of ['publish.fence-checked#1', 'view.before-flip']) {
  await t.test(`T4 a commit that slept at ${point} turns nothing back`, async (t) => {
    world.mark('slept');
    const sleeper = await startStopped(t, world, ['commit', 'app'], point);
    const slept = await newest(world);
    // As if that lock had been lost: the lock on what it acts on must be enough.
    rmSync(join(world.stateDirectory, 'locks', `transaction-${await transactionOf(world, slept)}.lock`));
    for (let times = 0; times < 2; times += 1) t.equal((await world.cli(['recover'])).status, 0, 'recover');
    world.mark('later');
    await world.ask('commit', 'app', '--wait');
    sleeper.resume();
    const { status, signal } = await sleeper.done;
    t.equal(signal, 'SIGKILL', `who acted in its place ended it first (status ${String(status)})`);
    t.equal(markerOf(world, slept), 'slept', 'its generation stands, since it was committed');
    t.equal(markerOf(world, slept + 1), 'later');
    t.strictSame(await problemsOf(world, ['later']), []);
  });
}

await t.test('T4 a swap that slept before its exchange exchanges nothing back', async (t) => {
  world.mark('before');
  const sleeper = await startStopped(t, world, transactArgs(world, 'swapped'), 'publish.fence-checked');
  t.equal((await world.cli(['recover'])).status, 0, 'recover');
  await world.ask(...transactArgs(world, 'swapped-again', '--wait'));
  sleeper.resume();
  t.equal((await sleeper.done).signal, 'SIGKILL');
  t.strictSame(await problemsOf(world, ['swapped-again']), []);
});

await t.test('T4 a swap that slept right after its commit is finished in its place', async (t) => {
  const sleeper = await startStopped(t, world, transactArgs(world, 'committed'), 'commit.after');
  t.equal((await world.cli(['recover'])).status, 0, 'recover');
  sleeper.resume();
  t.equal((await sleeper.done).signal, 'SIGKILL');
  t.strictSame(await problemsOf(world, ['committed']), []);
});

await t.test('T6 a commit that was taken over while it slept commits nothing and leaves nothing', async (t) => {
  world.mark('taken-over');
  const before = published(world);
  const sleeper = await startStopped(t, world, ['commit', 'app'], 'stage.after');
  t.equal((await world.cli(['recover'])).status, 0, 'recover');
  sleeper.resume();
  t.equal((await sleeper.done).signal, 'SIGKILL', 'its coordinator was ended before anything of it was swept');
  t.strictSame(published(world), before);
  t.strictSame(await problemsOf(world, ['taken-over']), []);
});

await t.test('T6 a coordinator that nobody could end is refused by the log', async (t) => {
  world.mark('taken-over');
  const before = published(world);
  const sleeper = await startStopped(t, world, ['commit', 'app', '--json'], 'commit.before');
  const id = await openTransaction(world);
  // As if its lock had been lost: recovery then sees nobody whom it could end.
  rmSync(join(world.stateDirectory, 'locks', `transaction-${id}.lock`));
  t.equal((await world.cli(['recover'])).status, 0, 'recover');
  sleeper.resume();
  const result = await sleeper.done;
  t.equal(result.status, 5, result.stderr);
  t.match(result.json, { error: { details: { transaction: id, begun: true } } });
  t.strictSame(published(world), before);
  t.strictSame(await problemsOf(world, ['taken-over']), []);
});

await t.test('T6 a coordinator is refused from the moment in which it was taken over', async (t) => {
  const before = published(world);
  const sleeper = await startStopped(t, world, ['commit', 'app', '--json'], 'commit.before');
  rmSync(join(world.stateDirectory, 'locks', `transaction-${await openTransaction(world)}.lock`));
  await crash(world, ['recover'], 'recover.after-take-over');
  sleeper.resume();
  const result = await sleeper.done;
  t.equal(result.status, 5, result.stdout);
  t.match(result.json, { error: { code: 'STALE_EPOCH' } });
  t.equal((await world.cli(['recover'])).status, 0);
  t.strictSame(published(world), before);
  t.strictSame(await problemsOf(world, ['taken-over']), []);
});

for (const [point, outcome] of [
  ['stage.after', 'aborted'],
  ['commit.after', 'committed'],
] as const) {
  await t.test(`L4 recoveries that meet after a crash at ${point} agree on ${outcome}`, async (t) => {
    world.mark(`crashed-${outcome}`);
    const before = published(world).length;
    await crash(world, ['commit', 'app'], point);
    const recoveries = [1, 2, 3].map(() => startUntilEnd(t, world, ['recover', '--json']));
    for (const { done } of recoveries) {
      const { status, signal, stdout, stderr } = await done;
      t.equal(status, 0, `${String(signal)} ${stdout}${stderr}`);
    }
    t.equal(published(world).length - before, outcome === 'committed' ? 1 : 0);
    t.strictSame(await problemsOf(world, [`crashed-${outcome}`]), []);
  });
}

await t.test('L4 T6 a recovery that finds another at work neither ends it nor sweeps before it is done', async (t) => {
  const before = world.liveMarkers();
  await crash(world, ['commit', 'app'], 'stage.after');
  const staged = stagedNames(world);
  const lock = join(world.stateDirectory, 'locks', `transaction-${await openTransaction(world)}.lock`);
  const late = await startStopped(t, world, ['--json', 'recover'], 'recover.planned');
  // Stands in for the other recovery: it lives, and has taken the transaction.
  const other = spawn('/usr/bin/flock', [lock, '/usr/bin/sleep', 'infinity'], { detached: true, stdio: 'ignore' });
  const end = (): void => {
    if (other.pid !== undefined && other.exitCode === null && other.signalCode === null) process.kill(-other.pid);
  };
  t.teardown(end);
  await until('it has the lock', () => isLocked(lock));
  late.resume();
  const { status, stdout, json } = await late.done;
  t.equal(status, 7, stdout);
  t.match(json, { failures: [{ action: { action: 'abort' }, reason: /held by/ }] });
  t.equal(other.signalCode, null, 'the other one was not ended');
  t.strictSame(stagedNames(world), staged, 'what is still to be decided was not swept');
  end();
  await ended(other);
  t.equal((await world.cli(['recover'])).status, 0);
  t.strictSame(await problemsOf(world, before), []);
});

await t.test('L4 recoveries beside living commits harm none of them', async (t) => {
  world.mark('raced');
  const before = published(world).length;
  const commits = [1, 2, 3, 4].map(() => startUntilEnd(t, world, ['commit', 'app', '--wait']));
  const all = Promise.all(commits.map(async ({ done }) => done));
  while (!commits.every(hasEnded)) t.equal((await world.cli(['recover'])).status, 0, 'recover');
  for (const { status, stderr } of await all) t.equal(status, 0, stderr);
  t.equal(published(world).length - before, commits.length);
  t.strictSame(await problemsOf(world, ['raced']), []);
});

await t.test('L4 a generation that is committed while a recovery looks around keeps its view', async (t) => {
  world.mark('looked-at');
  const recovery = await startStopped(t, world, ['recover'], 'recover.sweeping');
  await world.ask('commit', 'app');
  recovery.resume();
  const { status, stdout } = await recovery.done;
  t.equal(status, 0);
  t.equal(stdout, 'Nothing to do.\n');
  t.strictSame(await problemsOf(world, ['looked-at']), []);
});

function stagedNames(world: World): readonly string[] {
  return world.volumes.flatMap(({ publish }) => readdirSync(publish).filter((name) => name.startsWith('.staged~')));
}

function isLocked(file: string): boolean {
  const { ino } = statSync(file);
  return readFileSync('/proc/locks', 'utf8').includes(`:${String(ino)} `);
}

async function transactionOf(world: World, generation: number): Promise<string> {
  const shown = await world.ask('show', `app@${String(generation)}`);
  return (shown as { readonly transaction: string }).transaction;
}

async function newest(world: World): Promise<number> {
  return (await firstGroup(world)).generation;
}

async function openTransaction(world: World): Promise<string> {
  return String((await firstGroup(world)).open);
}

async function firstGroup(world: World): Promise<{ readonly generation: number; readonly open: string | null }> {
  const { groups } = (await world.ask('status')) as {
    readonly groups: readonly { readonly generation: number; readonly open: string | null }[];
  };
  const [group] = groups;
  if (group === undefined) throw new Error('there is no group');
  return group;
}

function markerOf(world: World, generation: number): string {
  return readMarker(join(world.volume('wal').publish, `app@${String(generation)}`));
}
