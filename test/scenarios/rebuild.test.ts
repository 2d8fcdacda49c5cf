/** A lost state directory, and the log built anew from what the publish directories keep (T17, M2, T11). */
import { chmodSync, cpSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { problemsOf, published } from '../support/check-world.js';
import { requireBtrfs, requireCgroups } from '../support/requirements.js';
import { crash, makeImpatient, transactArgs } from '../support/scenario.js';
import { makeWorld, readMarker, tool, type World } from '../support/world.js';

requireBtrfs(t);
requireCgroups(t);

interface Report {
  readonly done: boolean;
  readonly cluster: string;
  readonly incarnation: number;
  readonly losses: readonly string[];
  readonly groups: readonly {
    readonly group: string;
    readonly newest: number;
    readonly settings: string;
    readonly generations: readonly { readonly generation: number; readonly state: string; readonly taken: boolean }[];
  }[];
}

const fromVolumes = (world: World): readonly string[] => [
  'init',
  '--from-volumes',
  ...world.volumes.map(({ publish }) => publish),
];

function lose(world: World): void {
  rmSync(world.stateDirectory, { recursive: true });
}

async function rebuild(world: World, ...options: readonly string[]): Promise<Report> {
  const report = (await world.ask(...fromVolumes(world), '--accept-loss', ...options)) as Report;
  makeImpatient(world);
  return report;
}

async function withGenerations(t: Test, ...markers: readonly string[]): Promise<World> {
  const world = await makeWorld(t, { freeze: true, hooks: true });
  makeImpatient(world);
  for (const marker of markers) {
    world.mark(marker);
    await world.ask('commit', 'app', '--message', marker);
  }
  return world;
}

/** Every name on the volumes and where the links lead. */
function everything(world: World): readonly string[] {
  return world.volumes.flatMap(({ publish }) =>
    readdirSync(publish, { withFileTypes: true }).map((entry) =>
      entry.isSymbolicLink() ? `${entry.name} -> ${readlinkSync(join(publish, entry.name))}` : entry.name,
    ),
  );
}

await t.test('T17 M2 a lost log is built anew, and everything goes on from there', async (t) => {
  const world = await withGenerations(t, 'one', 'two');
  await world.cli(transactArgs(world, 'three'));
  await world.ask('prune', 'app', '--keep-last', '2');
  const [group, list] = [await world.ask('group', 'show', 'app'), await world.ask('list', 'app')];
  const aside = `${world.stateDirectory}-old`;
  cpSync(world.stateDirectory, aside, { recursive: true });
  chmodSync(aside, 0o700); // which Node 24 does not copy
  lose(world);

  const before = everything(world);
  const told = (await world.ask(...fromVolumes(world))) as Report;
  t.match(told, { done: false, groups: [{ group: 'app', newest: 3, settings: 'manifest' }] });
  t.ok(told.incarnation > 1);
  t.same(
    told.groups[0]?.generations.map(({ generation, taken }) => [generation, taken]),
    [
      [2, true],
      [3, true],
    ],
  );
  t.match(told.losses.join('\n'), /still lives somewhere cannot be known[\s\S]*every hold/);
  t.strictSame(everything(world), before, 'nothing is changed without consent');
  t.equal((await world.cli(['status'])).status, 3, 'nor is there a log');
  t.equal((await world.cli([...fromVolumes(world), '--accept-loss', '--dry-run'])).status, 0);
  t.strictSame(everything(world), before);

  t.match(await rebuild(world), { done: true, cluster: told.cluster });
  const shut = await world.cli(['--json', 'status'], { stateDirectory: aside });
  t.match([shut.status, shut.json], [6, { error: { code: 'LOG_BEHIND_STAMP' } }], 'before anything else is done');
  t.same(await world.ask('group', 'show', 'app'), group, 'hooks, freezing and limits are as they were');
  t.same(await world.ask('list', 'app'), list);
  t.strictSame(await problemsOf(world, ['three']), []);
  t.match(await world.ask('open', 'app'), { generation: 3 });
  world.mark('four');
  t.match(await world.ask('commit', 'app'), { generation: 4 }, 'no number comes again');
  t.match(await world.ask('restore', 'app@2'), { generation: 5 });
  t.strictSame(world.liveMarkers(), ['two', 'two']);
  await world.ask('prune', 'app', '--keep-last', '1');
  t.strictSame(published(world), [5]);
  t.strictSame(await problemsOf(world, ['two']), []);

  const stale = await world.cli(['--json', 'commit', 'app'], { stateDirectory: aside });
  t.equal(stale.status, 6, 'the old log, should it turn up, is shut out');
  t.match(stale.json, { error: { code: 'LOG_BEHIND_STAMP' } });
  const again = await world.cli(['--json', ...fromVolumes(world), '--accept-loss']);
  t.match([again.status, again.json], [4, { error: { code: 'EXISTS' } }]);
});

for (const [point, args] of [
  ['publish.after-rename#1', null],
  ['publish.after-sync#1', null],
  ['commit.after', null],
  ['exchange.after#1', 'swapped'],
  ['publish.after-sync#1', 'swapped'],
  ['view.before-flip', 'swapped'],
] as const) {
  await t.test(`G8 a log lost at ${point} of a ${args === null ? 'commit' : 'transact'} is built anew`, async (t) => {
    const world = await withGenerations(t, 'one');
    world.mark('next');
    await crash(world, args === null ? ['commit', 'app'] : transactArgs(world, args), point);
    await world.cli(['thaw', '--all']);
    lose(world);
    const report = await rebuild(world);
    const proven = point !== 'commit.after';
    const [found] = report.groups;
    t.equal(found?.newest, 2, 'its number is never used again, whether it was proven or not');
    t.equal(found?.generations.some(({ generation, taken }) => generation === 2 && taken) ?? false, proven);
    if (!proven) return void t.match(report.losses.join('\n'), /nothing says whether it was committed/);
    t.equal((await world.cli(['recover'])).status, 0);
    t.strictSame(published(world), [1, 2]);
    t.strictSame(await problemsOf(world, [args ?? 'next']), []);
    t.match(await world.ask('commit', 'app'), { generation: 3 });
    return undefined;
  });
}

await t.test(
  'G8 G9 a generation that lost a snapshot is not taken, and what is left of it is not deleted',
  async (t) => {
    const world = await withGenerations(t, 'one', 'two', 'three');
    const { publish } = world.volume('db');
    tool('btrfs', '--quiet', 'subvolume', 'delete', join(publish, 'app@2'));
    writeFileSync(join(publish, 'app@1.manifest.json'), '{"cluster":');
    const other = join(world.volume('wal').publish, 'app@3.manifest.json');
    writeFileSync(other, readFileSync(other, 'utf8').replace('"message": "three"', '"message": "thr33"'));
    lose(world);
    const report = await rebuild(world);
    t.match(report.groups, [
      { newest: 3, generations: [{ generation: 1, taken: true }, { taken: false }, { taken: false }] },
    ]);
    t.match(
      report.losses.join('\n'),
      /manifest .*app@1.manifest.json cannot be used[\s\S]*app@2 is not taken: the snapshot of volume db is not in[\s\S]*app@3 is not taken: the manifests of its volumes do not agree/,
    );
    t.equal((await world.cli(['recover'])).status, 0);
    t.equal(readMarker(join(world.volume('wal').publish, 'app@2.incomplete')), 'two');
    t.equal(readMarker(join(publish, 'app@3.incomplete')), 'three');
    t.match(await world.ask('commit', 'app'), { generation: 4 });
    lose(world);
    const again = await rebuild(world);
    t.match(again, { groups: [{ newest: 4 }] }, 'and a second time');
    t.ok(again.incarnation > 2, 'above the one that it had');
    t.match(await world.ask('verify'), { problems: [] });
  },
);

await t.test('T11 T17 what a rebuild refuses, it leaves as it was', async (t) => {
  const world = await withGenerations(t, 'one');
  const [db, wal] = [world.volume('db').publish, world.volume('wal').publish];
  const exported = join(world.directory, 'export.json');
  writeFileSync(exported, (await world.cli(['log', 'export'])).stdout);
  const refused = async (status: number, code: string, ...args: readonly string[]): Promise<void> => {
    const before = everything(world);
    for (const consent of [[], ['--accept-loss']]) {
      const result = await world.cli(['--json', 'init', ...args, ...consent]);
      t.equal(result.status, status, `${args.join(' ')}: ${result.stdout}`);
      t.match(result.json, { error: { code, message: /./ } });
    }
    t.strictSame(everything(world), before);
  };
  await refused(4, 'EXISTS', '--from-volumes', db, wal);
  lose(world);
  await refused(2, 'SOURCE_INVALID', '--from-volumes', db, join(world.directory, 'nowhere'));
  await refused(2, 'SOURCE_INVALID', '--from-volumes', db, world.directory);
  await refused(2, 'USAGE', '--from-volumes', db, wal, '--node', 'another');
  await refused(2, 'USAGE', '--from-export', world.volume('db').image.replace('.img', '.none'));
  const [text, damaged] = [readFileSync(exported, 'utf8'), join(world.directory, 'damaged.json')];
  for (const [content, status, code] of [
    [text.replace('"message": "one"', '"message": "two"'), 6, 'LOG_CORRUPT'],
    [text.slice(0, 200), 2, 'USAGE'],
    ['[]', 2, 'USAGE'],
    ['{"format":"snapcommit-log-export-2"}', 2, 'USAGE'],
  ] as const) {
    writeFileSync(damaged, content);
    await refused(status, code, '--from-export', damaged);
  }
  t.equal((await world.cli(['init', '--accept-loss'])).status, 2);
  const stamp = join(db, '.stamp');
  const owner = readlinkSync(stamp);
  renameSync(stamp, `${stamp}-aside`);
  tool('ln', '-s', owner.replace(/^[^/]*/, 'another'), stamp);
  await refused(2, 'SOURCE_MANAGED', '--from-volumes', db, wal);
  renameSync(`${stamp}-aside`, stamp);
  const fresh = join(world.directory, 'fresh');
  t.equal((await world.cli(['init', '--node', 'host'], { stateDirectory: fresh })).status, 0);
  const add = ['--json', 'volume', 'add', 'db', '--source', world.volume('db').live];
  t.match((await world.cli(add, { stateDirectory: fresh })).json, { error: { code: 'SOURCE_MANAGED' } });
  await rebuild(world);
  t.match((await world.cli(add, { stateDirectory: fresh })).json, { error: { code: 'SOURCE_MANAGED' } }, 'still');
  t.strictSame(await problemsOf(world, ['one']), []);
});

for (const point of ['view.before-flip', 'log.before-sync', 'log.after-sync']) {
  await t.test(`D7 a rebuild that dies at ${point} leaves no log or all of it`, async (t) => {
    const world = await withGenerations(t, 'one', 'two');
    lose(world);
    await crash(world, [...fromVolumes(world), '--accept-loss'], point);
    const made = (await world.cli(['status'])).status === 0;
    t.equal(made, point === 'log.after-sync');
    if (!made) {
      const again = await rebuild(world);
      t.match(again, { done: true });
      t.ok(again.incarnation > 2, 'above what the first try has stamped');
    }
    makeImpatient(world);
    t.equal((await world.cli(['recover'])).status, 0);
    t.strictSame(await problemsOf(world, ['two']), []);
    t.match(await world.ask('commit', 'app'), { generation: 3 });
  });
}

await t.test('T17 an export gives back what manifests do not tell, and the volumes what came after it', async (t) => {
  const world = await withGenerations(t, 'one', 'two');
  await world.ask('hold', 'add', 'app@1', '--tag', 'audit');
  const file = join(world.directory, 'export.json');
  writeFileSync(file, (await world.cli(['log', 'export'])).stdout);
  const [first, again] = [await world.ask('log', 'export'), await world.ask('log', 'export')];
  t.same(first, again, 'the same log is the same document');
  world.mark('three');
  await world.ask('commit', 'app');
  lose(world);
  const report = (await world.ask('init', '--from-export', file, '--accept-loss')) as Report;
  makeImpatient(world);
  t.match(report, { done: true, groups: [{ newest: 3, settings: 'export' }] });
  t.strictSame(await problemsOf(world, ['three']), []);
  t.match(await world.ask('hold', 'list', 'app'), [{ generation: 1, tag: 'audit' }]);
  t.match(await world.ask('commit', 'app'), { generation: 4 });
  await world.ask('log', 'export');
});

await t.test('a directory volume, and manifests from before they told the group’s settings', async (t) => {
  const world = await makeWorld(t, { volumes: ['db'] });
  makeImpatient(world);
  const live = join(world.directory, 'plain');
  tool('mkdir', live);
  writeFileSync(join(live, 'marker'), 'one');
  await world.ask('volume', 'add', 'plain', '--source', live, '--driver', 'directory');
  await world.ask('group', 'create', 'files', '--volume', 'plain', '--volume', 'db');
  await world.ask('commit', 'files');
  world.mark('one');
  await world.ask('commit', 'app');
  const publish = join(world.directory, '.snapcommit', 'plain');
  for (const directory of [publish, world.volume('db').publish]) {
    for (const name of readdirSync(directory).filter((entry) => entry.endsWith('.manifest.json'))) {
      const path = join(directory, name);
      const { place, definition, ...rest } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
      t.ok(place !== undefined && definition !== undefined);
      writeFileSync(path, JSON.stringify(rest));
    }
  }
  lose(world);
  const told = (await world.ask(
    'init',
    '--from-volumes',
    publish,
    world.volume('db').publish,
    '--accept-loss',
  )) as Report;
  makeImpatient(world);
  t.match(told, {
    node: 'host',
    done: true,
    groups: [
      { group: 'app', settings: 'unknown' },
      { group: 'files', newest: 1 },
    ],
  });
  t.match(await world.ask('verify'), { generations: 2, problems: [] });
  t.match(await world.ask('commit', 'files'), { generation: 2 });
  t.match(await world.ask('restore', 'files@1'), { generation: 3 });
  t.match(await world.ask('prune', 'files', '--keep-last', '1'), { removed: [1, 2] });
  t.match(await world.ask('recover'), { actions: [] });
});
