// test-timeout-seconds: 1200
/** What goes wrong in systems like this one (FAILURES), on two datasets of one pool. */
import { chmodSync, cpSync, readFileSync, readlinkSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { problemsOf, published } from '../support/check-world.js';
import { leftInDatasets, zfs } from '../support/pools.js';
import { requireCgroups, requireCommand } from '../support/requirements.js';
import { crash, makeGate, makeImpatient, startStopped, startUntilEnd } from '../support/scenario.js';
import { until } from '../support/until.js';
import { requireVolumes } from '../support/volume-kinds.js';
import { makeWorld, readMarker } from '../support/world.js';

requireVolumes(t, 'zfs');
requireCgroups(t);
const strace = requireCommand(t, 'strace');

const world = await makeWorld(t, { kinds: 'zfs', freeze: true });
makeImpatient(world);
world.mark('one');
await world.ask('commit', 'app');
const db = world.volume('db');
const live = `${db.dataset ?? ''}/live`;

/** Our snapshots of the live datasets, as ZFS names them. */
function snapshots(): readonly string[] {
  const datasets = world.volumes.map(({ dataset }) => `${dataset ?? ''}/live`);
  return zfs('list', '-H', '-d', '1', '-t', 'snapshot', '-o', 'name', ...datasets)
    .split('\n')
    .filter((name) => name !== '');
}

const staged = (): readonly string[] => snapshots().filter((name) => name.includes('@.staged:-'));

async function recover(): Promise<void> {
  const { status, stdout, stderr } = await world.cli(['recover']);
  if (status !== 0) throw new Error(`recover: ${String(status)} ${stdout}${stderr}`);
}

await t.test('G8 a SIGKILL after a pool was staged leaves no set that looks like a generation', async (t) => {
  await crash(world, ['commit', 'app'], 'stage.after');
  t.equal(staged().length, 2, 'one call has staged both');
  t.strictSame(published(world), [1]);
  await recover();
  t.strictSame(await problemsOf(world, ['one']), []);
});

await t.test('G9 a member that another tool destroys before it is held ends the commit, and is named', async (t) => {
  const running = await startStopped(t, world, ['--json', 'commit', 'app'], 'stage.after');
  const [gone = ''] = staged().filter((name) => name.startsWith(`${live}@`));
  zfs('destroy', gone);
  running.resume();
  const result = await running.done;
  t.equal(result.status, 5, result.stdout + result.stderr);
  t.match(result.json, { error: { code: 'STAGE_FAILED', message: /volume db: another tool destroyed/ } });
  t.strictSame(published(world), [1]);
  t.strictSame(await problemsOf(world, ['one']), []);
});

await t.test('G9 what is committed cannot be destroyed by another tool', async (t) => {
  for (const name of snapshots()) t.throws(() => zfs('destroy', name), /busy|holds/, name);
  t.strictSame(await problemsOf(world, ['one']), []);
});

await t.test('G10 a prune that dies in the middle takes the rest of the generation with it', async (t) => {
  await world.ask('commit', 'app');
  await crash(world, ['prune', 'app', '--keep-last', '1'], 'remove.after-first');
  await recover();
  t.strictSame(published(world), [2]);
  t.strictSame(await problemsOf(world, ['one']), []);
});

await t.test(
  'G12 one recovery takes away the name of a pruned generation that the power has brought back',
  async (t) => {
    const before = published(world);
    // Its snapshot is destroyed in ZFS's own time, the name removed in that of the publish directory.
    symlinkSync(`${db.live}/.zfs/snapshot/app:1`, join(db.publish, 'app@1'));
    await recover();
    t.strictSame(published(world), before);
    t.strictSame(await problemsOf(world, ['one']), []);
  },
);

await t.test(
  'G10 what an exec showed is pruned right after it, and beside one that shows another generation',
  async (t) => {
    for (let more = 0; more < 2; more += 1) await world.ask('commit', 'app');
    const generations = published(world);
    const newest = generations.at(-1) ?? 0;
    const exec = (generation: number, script: string): readonly string[] => [
      ...['exec', `app@${String(generation)}`],
      ...['--', '/bin/sh', '-c', script],
    ];
    // Looked into, all of them are mounted, and the mounts are in whatever namespace is made from now on.
    for (const { publish } of world.volumes)
      for (const generation of generations) t.equal(readMarker(join(publish, `app@${String(generation)}`)), 'one');
    const gate = makeGate(t, world);
    const beside = startUntilEnd(t, world, exec(newest, gate.script));
    await until('the exec runs', () => gate.arrived());
    const [first = 0] = generations;
    const ended = await world.cli(exec(first, `cat ${db.live}/marker`));
    t.equal(ended.stdout, 'one', ended.stderr);
    const pruned = await world.cli(['prune', 'app', '--keep-last', '1']);
    t.equal(pruned.status, 0);
    t.notMatch(pruned.stderr, /busy/);
    gate.open();
    t.equal((await beside.done).status, 0);
    t.strictSame(published(world), [newest]);
    t.strictSame(await problemsOf(world, ['one']), []);
  },
);

await t.test('G11 snapshots that a dead commit’s call makes late are swept, all of the pool', async (t) => {
  await crash(world, ['commit', 'app'], 'stage.after');
  const late = staged();
  const entries = late.map((name) => zfs('get', '-H', '-o', 'value', 'snapcommit:staged', name).trim());
  await recover();
  t.strictSame(staged(), []);
  t.equal(new Set(entries).size, 1, 'the round has one name on all of them');
  // What the call that outlived its process would do now.
  zfs('snapshot', '-o', `snapcommit:staged=${entries[0] ?? ''}`, ...late);
  t.strictSame(staged(), late);
  await recover();
  t.strictSame(staged(), []);
  t.strictSame(await problemsOf(world, ['one']), []);
});

await t.test(
  'G12 a SIGKILL between the names of a pool and the turn of the view is finished by recovery',
  async (t) => {
    for (const point of ['publish.after-rename', 'view.before-flip', 'view.after-flip']) {
      await crash(world, ['commit', 'app'], point);
      await recover();
      t.strictSame(await problemsOf(world, ['one']), [], point);
    }
  },
);

await t.test('D7 the view turns only after every publish directory is synced', async (t) => {
  const trace = join(world.directory, 'trace');
  const watched = ['-f', '-y', '-o', trace, '-e', 'trace=fsync,rename,renameat,renameat2'];
  const { status, stderr } = await world.cli(['commit', 'app'], { under: [strace, ...watched] });
  t.equal(status, 0, stderr);
  const lines = readFileSync(trace, 'utf8').split('\n');
  const turned = lines.findIndex((line) => /rename.*views\/app\/.*current"/.test(line));
  t.ok(turned >= 0, 'the view was turned');
  for (const { publish } of world.volumes) {
    const named = lines.findLastIndex((line) => line.includes('rename') && line.includes(`${publish}/`));
    const synced = lines.findLastIndex((line) => line.includes('fsync') && line.includes(`<${publish}>`));
    t.ok(named >= 0 && named < synced && synced < turned, `${publish}: ${[named, synced, turned].join(' < ')}`);
  }
});

await t.test('D6 a publish directory that cannot be synced is not published, and is once it can', async (t) => {
  const shown = published(world).at(-1) ?? 0;
  const refusal = ['-f', '-o', '/dev/null', '-P', db.publish, '-e', 'trace=fsync', '-e', 'inject=fsync:error=EIO'];
  const { status, stdout } = await world.cli(['commit', 'app'], { under: [strace, ...refusal] });
  t.notOk(status === 0, `a failed sync is no success: ${stdout}`);
  t.equal(readlinkSync(join(world.stateDirectory, 'views', 'app', 'current')), `app@${String(shown)}`);
  await recover();
  t.strictSame(await problemsOf(world, ['one']), []);
});

await t.test('D9 a state directory of yesterday is refused, and nothing is changed', async (t) => {
  const yesterday = join(world.directory, 'yesterday');
  cpSync(world.stateDirectory, yesterday, { recursive: true });
  chmodSync(yesterday, 0o700); // which Node 24 does not copy
  await world.ask('commit', 'app');
  const before = snapshots();
  for (const command of [['status'], ['recover'], ['commit', 'app'], ['prune', 'app', '--keep-last', '1']]) {
    const refused = await world.cli(['--json', ...command], { stateDirectory: yesterday });
    t.equal(refused.status, 6, `${command.join(' ')}: ${refused.stdout}`);
    t.match(refused.json, { error: { code: 'LOG_BEHIND_STAMP' } });
  }
  t.strictSame(snapshots(), before);
  t.strictSame(
    world.volumes.flatMap(({ dataset }) => leftInDatasets(dataset ?? '')),
    [],
  );
  t.strictSame(await problemsOf(world, ['one']), []);
});
