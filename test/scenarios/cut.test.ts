/**
 * The cut is real: a writer that nobody asks to be careful writes counters to both volumes in order, and no generation of
 * grade barrier shows them out of order. Without the freeze they do: so this test can fail.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { openNode, type SnapcommitNode } from '#src/index.js';
import { orderViolations, startCounters } from '../support/counters.js';
import { requireBtrfs, requireCgroups } from '../support/requirements.js';
import { isStopped } from '../support/power-loss.js';
import { until } from '../support/until.js';
import { makeWorld, tool } from '../support/world.js';

requireBtrfs(t);
requireCgroups(t);

const BARRIER_COMMITS = 200;
const FREE_COMMITS = 30;
const PRUNE_EVERY = 20;
const KEEP_ONE = { keepLast: 1, keepHourly: 0, keepDaily: 0, keepWeekly: 0, keepMonthly: 0, keepYearly: 0 };

await t.test('with writers running', async (t) => {
  const world = await makeWorld(t, { freeze: true, sizeMiB: 400 });
  const { cgroup } = world;
  if (cgroup === null) throw new Error('this world has no cgroup');
  const [first = '', second = ''] = world.volumes.map(({ live }) => live);
  await startCounters(t, cgroup, first, second);
  const node = await openNode({ stateDirectory: world.stateDirectory });
  t.teardown(() => {
    node.close();
  });

  await t.test(`${String(BARRIER_COMMITS)} barrier commits show every write order as it was`, async (t) => {
    const { violations, rounds, grades } = await commitAndCheck(node, BARRIER_COMMITS);
    t.strictSame(violations, []);
    t.strictSame(grades, ['barrier']);
    t.ok(rounds > BARRIER_COMMITS, 'the writer kept writing between the commits');
  });

  await t.test('G13 without the freeze the same writer is caught out of order, and the grade says so', async (t) => {
    await node.updateGroup('app', { freezeCgroups: [] });
    const { violations, grades } = await commitAndCheck(node, FREE_COMMITS);
    t.not(violations.length, 0, 'the check can fail');
    t.strictSame(grades, ['independent']);
  });
});

await t.test('G5 what was written before a commit is on the disks when its writers stand still', async (t) => {
  const world = await makeWorld(t, { freeze: true });
  const data = 'written and not synced '.repeat(10_000);
  for (const { live } of world.volumes) writeFileSync(join(live, 'data'), data);
  const running = world.start(['commit', 'app'], { env: { SNAPCOMMIT_STOP_AT: 'freeze.frozen' } });
  await until('the commit has frozen its writers', () => isStopped(running.child.pid));
  for (const { name, image } of world.volumes) {
    tool('cp', '--sparse=always', image, `${image}.copy`);
    const mount = join(world.directory, `${name}.then`);
    mkdirSync(mount);
    world.mount(`${image}.copy`, mount);
    const found = spawnSync('/usr/bin/cmp', [join(mount, 'live', 'data'), '-'], { input: data, encoding: 'utf8' });
    t.equal(found.status, 0, `${name} holds it before anything was staged: ${found.stdout}${found.stderr}`);
  }
  running.child.kill('SIGCONT');
  const { status, stderr } = await running.done;
  t.equal(status, 0, stderr);
  for (const { publish } of world.volumes) t.equal(readFileSync(join(publish, 'app@1', 'data'), 'utf8'), data);
});

interface Checked {
  readonly violations: readonly string[];
  readonly grades: readonly string[];
  /** How far the writer came from the first to the last generation. */
  readonly rounds: number;
}

async function commitAndCheck(node: SnapcommitNode, count: number): Promise<Checked> {
  const { signal } = new AbortController();
  const grades = new Set<string>();
  const violations: string[] = [];
  const counters: number[] = [];
  for (let done = 1; done <= count; done += 1) {
    const request = { message: '', labels: {}, require: null, expectGeneration: null, requestId: null };
    const { generation, consistency, volumes } = await node.commit({ group: 'app', ...request, signal }, false);
    grades.add(consistency.grade);
    const [first = '', second = ''] = volumes.map(({ snapshot }) => snapshot.path ?? '');
    violations.push(...orderViolations(first, second).map((what) => `app@${String(generation)}: ${what}`));
    counters.push(Number(readFileSync(join(first, 'counter'), 'latin1').slice(0, 16)));
    if (done % PRUNE_EVERY === 0) await node.prune({ group: 'app', rules: KEEP_ONE, dryRun: false });
  }
  return { violations, grades: [...grades], rounds: (counters.at(-1) ?? 0) - (counters[0] ?? 0) };
}
