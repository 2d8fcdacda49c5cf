/** Volumes and hooks that fail when they are needed: the commit says so, is refused or aborted, and leaves nothing. */
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { problemsOf } from '../support/check-world.js';
import { startStopped } from '../support/scenario.js';
import { assertRefused } from '../support/refused.js';
import { requireBtrfs, requireCgroups } from '../support/requirements.js';
import { makeWorld, tool } from '../support/world.js';

requireBtrfs(t);
requireCgroups(t);

const world = await makeWorld(t, { freeze: true });
await world.ask('commit', 'app');
const wal = world.volume('wal');

await t.test('a volume that is not mounted', async (t) => {
  tool('umount', wal.mount);
  const results = [];
  for (const args of [
    ['commit', 'app'],
    ['transact', 'app', '--', '/bin/true'],
    ['restore', 'app@1'],
  ]) {
    results.push(await world.cli(['--json', ...args]));
  }
  const recovered = await world.cli(['--json', 'recover', '--local-only']);
  const planned = await world.cli(['--json', 'recover', '--dry-run']);
  tool('mount', '-o', 'loop', wal.image, wal.mount);
  t.equal(planned.status, 0, 'to say what a recovery would not reach is all that a plan can do');
  t.equal(recovered.status, 6, 'not everything is recovered');
  t.match(recovered.json, { failures: [{ action: { action: 'report', target: 'wal' }, reason: RegExp(wal.publish) }] });
  t.match(planned.json, { actions: [{ action: 'report', target: 'wal' }], failures: [] });
  for (const { status, stdout } of results) {
    t.ok([6, 106].includes(status ?? 0), `nothing was begun: ${String(status)}`);
    t.match(stdout, 'VOLUME_UNAVAILABLE');
    t.match(stdout, wal.live, 'the path is named');
  }
  t.strictSame(await problemsOf(world, world.liveMarkers()), []);
  t.equal((await world.cli(['commit', 'app'])).status, 0, 'mounted again, it works');
});

await t.test('a volume whose filesystem is read-only', async (t) => {
  tool('mount', '-o', 'remount,ro', wal.mount);
  const result = await world.cli(['--json', 'commit', 'app']);
  tool('mount', '-o', 'remount,rw', wal.mount);
  t.ok([5, 6].includes(result.status ?? 0), `${String(result.status)} ${result.stdout}`);
  t.match(result.stdout, /read-only/i, 'it says so');
  t.match(result.stdout, 'wal');
  t.notOk(world.cgroup?.requested(), 'nothing is frozen');
  t.strictSame(await problemsOf(world, world.liveMarkers()), []);
});

await t.test('less space than the floor', async (t) => {
  configure(t, { freeFloorBytes: '100GiB' });
  const refusal = { status: 5, code: 'NO_SPACE', says: 'freeFloorBytes' } as const;
  await assertRefused(t, world, [
    { args: ['commit', 'app'], ...refusal },
    { args: ['restore', 'app@1'], ...refusal },
  ]);
  t.strictSame(await problemsOf(world, world.liveMarkers()), []);
});

await t.test('settings that are not valid', async (t) => {
  const file = configure(t, { freeFlorBytes: 1 });
  await assertRefused(t, world, [{ args: ['commit', 'app'], status: 2, code: 'USAGE', says: 'freeFlorBytes' }]);
  writeFileSync(file, '{');
  await assertRefused(t, world, [{ args: ['commit', 'app'], status: 2, code: 'USAGE', says: 'no JSON' }]);
});

await t.test('hooks that others could change are refused, when named and when run', async (t) => {
  const hook = makeHook(t, 'open-hook', 'true', 0o757);
  await assertRefused(t, world, [
    { args: ['group', 'update', 'app', '--pre-hook', hook], status: 2, code: 'HOOK_UNSAFE', says: 'others may write' },
    { args: ['group', 'update', 'app', '--pre-hook', '/nowhere'], status: 2, code: 'HOOK_UNSAFE', says: '/nowhere' },
  ]);
  chmodSync(hook, 0o755);
  await world.ask('group', 'update', 'app', '--pre-hook', hook);
  chmodSync(hook, 0o757);
  await assertRefused(t, world, [
    { args: ['commit', 'app'], status: 5, code: 'HOOK_UNSAFE', says: 'others may write' },
  ]);
});

await t.test('hooks that fail or hang', async (t) => {
  configure(t, { hookTimeoutMs: 300 });
  const [failing, hanging] = [
    makeHook(t, 'failing', 'echo no; exit 7'),
    makeHook(t, 'hanging', 'sleep 600 & sleep 600'),
  ];
  await world.ask('group', 'update', 'app', '--pre-hook', failing);
  await assertRefused(t, world, [{ args: ['commit', 'app'], status: 5, code: 'HOOK_FAILED', says: /status 7.*no/ }]);
  await world.ask('group', 'update', 'app', '--pre-hook', hanging);
  await assertRefused(t, world, [
    { args: ['commit', 'app'], status: 5, code: 'HOOK_FAILED', says: 'did not end within 300 ms' },
  ]);
  await world.ask('group', 'update', 'app', '--pre-hook', '');
  t.strictSame(await problemsOf(world, world.liveMarkers()), []);
});

await t.test('a second writer is refused, and told who is at work', async (t) => {
  const running = await startStopped(t, world, ['commit', 'app'], 'commit.before');
  const says = new RegExp(`pid ${String(running.child.pid)}`);
  await assertRefused(t, world, [
    { args: ['commit', 'app'], status: 4, code: 'BUSY', says },
    { args: ['restore', 'app@1'], status: 4, code: 'BUSY', says },
    { args: ['group', 'remove', 'app'], status: 4, code: 'BUSY', says: 'app', judgedByLog: true },
  ]);
  running.resume();
  t.equal((await running.done).status, 0);
});

function configure(t: Test, settings: Readonly<Record<string, unknown>>): string {
  const file = join(world.stateDirectory, 'config.json');
  writeFileSync(file, JSON.stringify(settings));
  t.teardown(() => {
    rmSync(file);
  });
  return file;
}

function makeHook(t: Test, name: string, script: string, mode = 0o755): string {
  const file = join(world.directory, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, mode);
  t.teardown(async () => {
    await world.ask('group', 'update', 'app', '--pre-hook', '');
    rmSync(file);
  });
  return file;
}
