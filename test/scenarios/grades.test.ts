/** G13: a generation never claims a consistency that it did not get. */
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { at, textAt } from '../support/answers.js';
import { published } from '../support/check-world.js';
import { fingerprint } from '../support/fingerprint.js';
import { requireBtrfs, requireCgroups } from '../support/requirements.js';
import { startStopped } from '../support/scenario.js';
import { makeWorld, tool } from '../support/world.js';

requireBtrfs(t);
requireCgroups(t);

const world = await makeWorld(t, { freeze: true });
const frozen = world.cgroup?.cgroup ?? '';
const directory = join(world.directory, 'plain');
mkdirSync(directory);
writeFileSync(join(directory, 'marker'), 'start');
await world.ask('volume', 'add', 'plain', '--source', directory, '--driver', 'directory');
await world.ask('group', 'create', 'undeclared', '--volume', 'db', 'wal');
await world.ask('group', 'create', 'mixed', '--volume', 'db', 'plain');

await t.test('G13 declared writers stood still: barrier, with the evidence', async (t) => {
  const json = await world.ask('commit', 'app', '--require', 'barrier');
  t.equal(at(json, 'consistency.grade'), 'barrier');
  t.strictSame(at(json, 'consistency.frozen'), [`host:${frozen}`]);
  t.ok(Number(at(json, 'consistency.stallMs')) > 0, 'they stood still for a while');
});

await t.test('G13 without declared writers it is independent, and barrier is refused', async (t) => {
  const json = await world.ask('commit', 'undeclared');
  t.equal(at(json, 'consistency.grade'), 'independent');
  t.strictSame(at(json, 'consistency.frozen'), []);
  const before = await fingerprint(world);
  const refused = await world.cli(['--json', 'commit', 'undeclared', '--require', 'barrier']);
  t.equal(refused.status, 2);
  t.equal(at(refused.json, 'error.code'), 'GRADE_UNREACHABLE');
  t.match(textAt(refused.json, 'error.message'), '--freeze-cgroup', 'it says what to do');
  t.strictSame(await fingerprint(world), before);
});

await t.test('G13 a group can require a grade of every commit', async (t) => {
  await world.ask('group', 'update', 'undeclared', '--require', 'barrier');
  t.equal((await world.cli(['commit', 'undeclared'])).status, 2);
  await world.ask('group', 'update', 'undeclared', '--require', 'any');
  t.equal((await world.cli(['commit', 'undeclared'])).status, 0);
});

await t.test('G13 a plain copy under running writers is fuzzy, also beside a snapshot', async (t) => {
  t.equal(at(await world.ask('commit', 'mixed'), 'consistency.grade'), 'fuzzy');
  const refused = await world.cli(['--json', 'commit', 'mixed', '--require', 'independent']);
  t.equal(refused.status, 2);
  t.equal(at(refused.json, 'error.code'), 'GRADE_UNREACHABLE');
});

await t.test('G13 hooks that hold make it application; a post-hook that fails takes that back', async (t) => {
  const failing = join(world.directory, 'failing');
  const [pre, post] = ['pre', 'post'].map((phase) => {
    const file = join(world.directory, `${phase}-hook`);
    writeFileSync(file, phase === 'pre' ? '#!/bin/sh\ntrue\n' : `#!/bin/sh\ntest ! -e ${failing}\n`);
    chmodSync(file, 0o755);
    return file;
  });
  await world.ask('group', 'update', 'app', '--pre-hook', pre ?? '', '--post-hook', post ?? '');
  t.equal(at(await world.ask('commit', 'app', '--require', 'application'), 'consistency.grade'), 'application');

  writeFileSync(failing, '');
  const weaker = await world.cli(['--json', 'commit', 'app']);
  t.equal(weaker.status, 0);
  t.equal(at(weaker.json, 'consistency.grade'), 'barrier');
  t.match(weaker.stderr, /post-hook .* ended with status 1/, 'and it is told why');
  const before = await fingerprint(world, 'begun');
  const refused = await world.cli(['--json', 'commit', 'app', '--require', 'application']);
  t.equal(refused.status, 5);
  t.equal(at(refused.json, 'error.code'), 'HOOK_FAILED');
  const after = await fingerprint(world, 'begun');
  t.strictSame(withoutDebts(after.entries), withoutDebts(before.entries), 'nothing was published');
  t.notOk(world.cgroup?.requested());

  rmSync(failing);
  t.match(
    await world.ask('recover'),
    { actions: [{ action: 'pay' }, { action: 'pay' }] },
    'the post-hooks are still owed',
  );
  t.strictSame(await world.ask('recover'), { actions: [], failures: [] });
});

for (const [change, args] of [
  [
    ['--pre-hook', ''],
    ['commit', 'app'],
  ],
  [
    ['--freeze-cgroup', ''],
    ['commit', 'app'],
  ],
  [
    ['--require', 'application'],
    ['transact', 'app', '--', '/bin/true'],
  ],
  [
    ['--stop-unit', 'database.service'],
    ['restore', 'app@1'],
  ],
] as const) {
  await t.test(`G13 a ${args[0]} of a group that changes (${change[0]}) after it was planned is aborted`, async (t) => {
    const before = published(world);
    const running = await startStopped(t, world, ['--json', ...args], 'begin.before');
    await world.ask('group', 'update', 'app', ...change);
    running.resume();
    const { status, json, stdout } = await running.done;
    t.equal(status, args[0] === 'transact' ? 105 : 5, stdout);
    t.match(json, {
      error: { code: 'BUSY', message: /^group app was changed/, details: { group: 'app', begun: true } },
    });
    t.match(await world.ask('group', 'show', 'app'), { open: null });
    t.strictSame(published(world), before);
    await world.ask('group', 'update', 'app', '--freeze-cgroup', frozen, '--require', 'any', '--stop-unit', '');
    await world.ask('group', 'update', 'app', '--pre-hook', join(world.directory, 'pre-hook'));
  });
}

await t.test('G13 a pre-hook that fails aborts, whatever the grade', async (t) => {
  const before = await fingerprint(world, 'begun');
  tool('sh', '-c', `echo 'echo broken; exit 3' >> ${join(world.directory, 'pre-hook')}`);
  const refused = await world.cli(['--json', 'commit', 'app']);
  t.equal(refused.status, 5);
  t.equal(at(refused.json, 'error.code'), 'HOOK_FAILED');
  t.match(textAt(refused.json, 'error.message'), 'broken', 'with what the hook said');
  t.strictSame(await fingerprint(world, 'begun'), before);
});

function withoutDebts(entries: readonly string[]): readonly string[] {
  return entries.filter((entry) => !entry.includes('/owed/'));
}
