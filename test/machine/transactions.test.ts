/** FAILURES T1, T5, T6, T10, T13, G2, G6, L4: what the state machine does about them. */
import t from 'tap';
import { isLive, pendingOf } from '#src/machine/queries.js';
import { ScriptMachine } from './support/script-machine.js';

const TWO_NODES = `
  addVolume db node=a
  addVolume wal node=b
  createGroup app volumes=db,wal
`;

void t.test('L4 the first of commit and abort in slot order wins, and the loser is told what was decided', (t) => {
  const machine = new ScriptMachine(`${TWO_NODES} begin t1 app\n commit t1`);
  t.match(machine.run('abort t1'), { ok: false, code: 'EXISTS', details: { decision: 'committed', generation: 1 } });
  t.match(machine.run('commit t1'), { ok: true, generation: 1, transaction: 't1' }, 'the same commit again');
  t.match(machine.run('commit t1 staged=-x'), { ok: false, code: 'EXISTS' }, 'another manifest was not committed');
  t.equal(machine.archive.length, 1);

  machine.run('begin t2 app');
  t.match(machine.run('abort t2 code=NO_SPACE reason=full'), { ok: true });
  const lost = { ok: false, code: 'ABORTED', details: { code: 'NO_SPACE', reason: 'full' } };
  t.match(machine.run('commit t2'), lost);
  t.match(machine.run('takeOver t2'), lost);
  t.match(machine.run('abort t2'), { ok: true }, 'the same decision again');
  t.equal(machine.archive.length, 1, 'the loser committed nothing');
  t.equal(machine.state.groups['app']?.newest, 1);
  t.end();
});

void t.test('T1 no round begins over a volume whose swap is published on one node and pending on another', (t) => {
  const machine = new ScriptMachine(`${TWO_NODES} createGroup late volumes=wal
    begin t1 app mode=transact
    commit t1
    published app@1 a`);
  for (const mode of ['capture', 'transact']) {
    const details = { volume: 'wal', node: 'b', group: 'app', generation: 1 };
    t.match(machine.run(`begin t2 app mode=${mode}`), { ok: false, code: 'BUSY', details }, mode);
    t.match(
      machine.run(`begin t2 late mode=${mode}`),
      { ok: false, code: 'BUSY', details },
      `${mode} of another group`,
    );
  }
  machine.run('published app@1 b');
  t.equal(machine.code('begin t2 app'), 'ok');
  t.end();
});

void t.test('T1 a volume that was swapped already is free while another one still waits', (t) => {
  const machine = new ScriptMachine(`${TWO_NODES} createGroup early volumes=db
    begin t1 app mode=transact
    commit t1
    published app@1 a`);
  t.equal(machine.code('begin t2 early'), 'ok');
  t.same(pendingOf(machine.state, 'db'), []);
  t.equal(pendingOf(machine.state, 'wal').length, 1);
  t.end();
});

void t.test('T5 pending captures publish in any order', (t) => {
  const machine = new ScriptMachine(`${TWO_NODES} begin t1 app
    commit t1
    begin t2 app
    commit t2`);
  for (const line of ['published app@2 b', 'published app@2 a', 'published app@1 a', 'published app@1 b']) {
    t.equal(machine.code(line), 'ok', line);
  }
  t.same(machine.state.pending, {}, 'the lower generation did not stay pending');
  t.equal(machine.code('published app@1 b'), 'ok', 'again');
  t.end();
});

void t.test('T6 after a take-over neither the old coordinator nor the new one can commit', (t) => {
  const machine = new ScriptMachine(`${TWO_NODES} begin t1 app
    takeOver t1 node=b`);
  const epoch = machine.state.open['t1']?.epoch.slot ?? 0;
  t.equal(machine.code('commit t1'), 'STALE_EPOCH', 'with the old epoch');
  t.equal(machine.code(`commit t1 epoch=${String(epoch)}`), 'STALE_EPOCH', 'with the new epoch');
  t.equal(machine.code('abort t1'), 'STALE_EPOCH', 'the old coordinator does not abort it either');
  t.equal(machine.archive.length, 0);
  t.equal(machine.code(`abort t1 epoch=${String(epoch)}`), 'ok');
  t.end();
});

void t.test('T6 a commit with an epoch of another incarnation or slot is refused', (t) => {
  const machine = new ScriptMachine(`${TWO_NODES} begin t1 app`);
  t.equal(machine.code('commit t1 incarnation=2'), 'STALE_EPOCH');
  t.equal(machine.code('commit t1 epoch=3'), 'STALE_EPOCH');
  t.equal(machine.code('commit t1'), 'ok');
  t.end();
});

void t.test('T10 groups that share a volume or a writer exclude each other, ancestors included', (t) => {
  const machine = new ScriptMachine(`${TWO_NODES} addVolume blobs node=a
    createGroup shared volumes=blobs,wal
    createGroup writer volumes=blobs
    begin t1 app freeze=a:/app/writers`);
  const holder = { transaction: 't1', group: 'app', node: 'a' };
  t.match(machine.run('begin t2 shared'), { code: 'BUSY', details: { ...holder, volume: 'wal' } });
  for (const target of ['a:/app/writers', 'a:/app', 'a:/', 'a:/app/writers/one']) {
    const outcome = machine.run(`begin t2 writer freeze=${target}`);
    t.match(outcome, { code: 'BUSY', details: { ...holder, freezeTarget: target } }, target);
  }
  t.equal(machine.code('begin t2 writer freeze=a:/app/writers2,b:/app/writers'), 'ok', 'neighbours are free');
  t.end();
});

void t.test('T13 what a restore or a pin reads is not retired, and nothing else goes with it', (t) => {
  const machine = new ScriptMachine(`${TWO_NODES} begin t1 app
    commit t1
    begin t2 app
    commit t2
    begin t3 app
    commit t3`);
  for (const key of ['app@1', 'app@2', 'app@3']) {
    t.match(machine.run('retire app 1,2'), { code: 'IN_USE', details: { reason: 'pending' } }, 'a host may return');
    machine.run(`published ${key} a`);
    machine.run(`published ${key} b`);
    if (key === 'app@2') break;
  }
  machine.run('begin t4 app mode=restore source=1 node=b');
  machine.run('addPin p1 app@2 node=b');
  t.match(machine.run('retire app 1'), { code: 'IN_USE', details: { generation: 1, reason: 'restoring' } });
  t.match(machine.run('retire app 2'), { code: 'IN_USE', details: { generation: 2, reason: 'pinned' } });
  machine.run('abort t4');
  t.match(machine.run('retire app 1,2'), { code: 'IN_USE', details: { generation: 2 } });
  t.ok(isLive(machine.state, 'app', 1), 'a refused retire retires nothing');
  machine.run('releasePin p1');
  t.equal(machine.code('retire app 1,2'), 'ok');
  t.equal(machine.code('addPin p2 app@1'), 'GENERATION_NOT_FOUND', 'a pin comes too late');
  t.equal(machine.code('begin t5 app mode=restore source=1'), 'GENERATION_NOT_FOUND', 'so does a restore');
  t.end();
});

void t.test('G2 a group or a member does not change in the middle of a round', (t) => {
  const machine = new ScriptMachine(`${TWO_NODES} begin t1 app`);
  for (const line of ['updateGroup app volumes=db', 'removeGroup app', 'removeVolume db', 'forfeitVolume db']) {
    t.match(machine.run(line), { ok: false, code: 'BUSY', details: { transaction: 't1' } }, line);
  }
  t.equal(machine.code('commit t1'), 'ok');
  t.equal(machine.code('updateGroup app volumes=db'), 'ok', 'afterwards it does');
  t.end();
});

void t.test('G6 a round that overlaps an open one is refused, whoever drives it', (t) => {
  const machine = new ScriptMachine(`${TWO_NODES} begin t1 app node=a`);
  t.match(machine.run('begin t2 app node=b'), { code: 'BUSY', details: { transaction: 't1' } });
  t.equal(machine.code('begin t1 app node=b'), 'EXISTS');
  t.same(Object.keys(machine.state.open), ['t1']);
  t.equal(machine.code('commit t1'), 'ok', 'the first round is unharmed');
  t.end();
});
