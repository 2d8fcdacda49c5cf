/** FAILURES G8, G10 and what becomes of generations when groups and volumes go. */
import t from 'tap';
import type { Commit } from '#src/machine/entry.js';
import { generationState, isIncomplete, isLive, liveGenerations, newestComplete } from '#src/machine/queries.js';
import { parseEntry } from './support/parse.js';
import { ScriptMachine } from './support/script-machine.js';

const APP = `
  addVolume db node=a
  addVolume wal node=b
  createGroup app volumes=db,wal
`;

void t.test('G8 a manifest that lacks a member, adds one or changed one commits nothing', (t) => {
  const machine = new ScriptMachine(`${APP} addVolume blobs\n begin t1 app`);
  for (const volumes of ['db', 'wal', 'db,db', 'db,wal,blobs', 'db,blobs']) {
    t.equal(machine.code(`commit t1 volumes=${volumes}`), 'CONFLICT', volumes);
  }
  t.same([machine.archive, machine.state.groups['app']?.newest], [[], 0]);
  t.equal(machine.code('commit t1'), 'ok', 'the whole one still can');
  t.end();
});

void t.test('G8 a generation that lost a volume is incomplete, never the newest, and never restored', (t) => {
  const machine = new ScriptMachine(`${APP} begin t1 app\n commit t1
    updateGroup app volumes=db
    begin t2 app\n commit t2
    updateGroup app volumes=db,wal
    begin t3 app\n commit t3
    forfeitVolume wal`);
  t.same(
    [1, 2, 3].map((n) => isIncomplete(machine.state, 'app', n)),
    [true, false, true],
  );
  const app = machine.state.groups['app'];
  t.equal(app && newestComplete(app), 2);
  t.same(app && liveGenerations(app), [1, 2, 3]);
  t.equal(machine.code('begin t4 app mode=restore source=3'), 'GENERATION_NOT_FOUND');
  t.same(machine.state.groups['app']?.record.volumes, ['db'], 'the group goes on');
  t.equal(machine.code('begin t4 app'), 'ok');
  t.end();
});

void t.test('G10 a retire is of whole generations, all of the named or none', (t) => {
  const machine =
    new ScriptMachine(`${APP} begin t1 app\n commit t1\n begin t2 app\n commit t2\n begin t3 app\n commit t3
    published app@1 a\n published app@1 b\n published app@2 a\n published app@2 b
    addHold app@2 keep`);
  t.match(machine.run('retire app 1,2'), { code: 'IN_USE', details: { generation: 2, reason: 'held' } });
  t.match(machine.run('retire app 1,9'), { code: 'GENERATION_NOT_FOUND' });
  t.ok(isLive(machine.state, 'app', 1));
  machine.run('releaseHold app@2 keep');
  const before = machine.archive.length;
  t.equal(machine.code('retire app 1,2'), 'ok');
  const gone = [1, 2].map((generation) => ({ kind: 'delete', group: 'app', generation }));
  t.same(machine.archive.slice(before), gone);
  t.same(machine.state.groups['app']?.contents, { db: [[3, 3]], wal: [[3, 3]] });
  t.end();
});

void t.test('a forfeited volume is not waited for, while its node is for its other volumes', (t) => {
  const machine = new ScriptMachine(`${APP} addVolume blobs node=b
    updateGroup app volumes=db,wal,blobs
    begin t1 app\n commit t1\n forfeitVolume wal`);
  t.same(machine.state.pending['app@1']?.nodes, ['a', 'b']);
  machine.run('forfeitVolume blobs');
  t.same(machine.state.pending['app@1']?.nodes, ['a']);
  t.equal(generationState(machine.state, 'app', 1), 'committed');
  machine.run('forfeitVolume db');
  t.same(machine.state.pending, {});
  t.equal(machine.code('begin t2 app'), 'VOLUME_NOT_FOUND');
  t.end();
});

void t.test('M2 numbers go on where a removed group of that name ended', (t) => {
  const machine = new ScriptMachine(`${APP} begin t1 app\n commit t1\n published app@1 a\n published app@1 b`);
  t.equal(machine.code('removeGroup app'), 'IN_USE');
  t.equal(machine.code('removeGroup app generations=1'), 'ok');
  t.equal(machine.code('removeGroup app'), 'GROUP_NOT_FOUND');
  machine.run('createGroup app volumes=db');
  machine.run('removeGroup app');
  machine.run('createGroup app volumes=wal');
  machine.run('begin t2 app expect=0');
  t.match(machine.run('commit t2'), { ok: true, generation: 2 });
  t.end();
});

void t.test('a volume that generations hold is not removed', (t) => {
  const machine = new ScriptMachine(`${APP} begin t1 app\n commit t1
    updateGroup app volumes=db`);
  t.match(machine.run('removeVolume wal'), { code: 'IN_USE', details: { group: 'app', generations: 1 } });
  t.equal(machine.code('removeVolume db'), 'BUSY');
  t.end();
});

void t.test('a swap must start from the live tree that the transaction began with', (t) => {
  const machine = new ScriptMachine(`${APP} begin t1 app mode=transact`);
  const epoch = machine.state.open['t1']?.epoch.slot ?? 0;
  const begun = new Map([
    ['t1', { members: [], mode: 'transact', epoch: { incarnation: 1, slot: machine.state.applied } }],
  ]);
  t.equal(epoch, machine.state.applied);
  const entry = parseEntry('commit t1 volumes=db,wal', { state: machine.state, begun });
  const commit = entry.operation as Commit;
  const moved = machine.apply({ ...entry, operation: withSwap(commit, { base: 'other', clone: 'c', cloneName: 'n' }) });
  t.match(moved.outcome, { ok: false, code: 'CONFLICT' });
  const missing = machine.apply({ ...entry, operation: withSwap(commit, null) });
  t.match(missing.outcome, { ok: false, code: 'CONFLICT' });
  t.equal(machine.code('commit t1'), 'ok');
  t.end();
});

type Swap = Commit['manifest']['volumes'][number]['swap'];

function withSwap(commit: Commit, swap: Swap): Commit {
  const nodes: Readonly<Record<string, string>> = { db: 'a', wal: 'b' };
  const volumes = commit.manifest.volumes.map((one) => ({ ...one, node: nodes[one.volume] ?? '', swap }));
  return { ...commit, manifest: { ...commit.manifest, volumes } };
}
