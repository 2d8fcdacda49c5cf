/** FAILURES L3, T18: a request is carried out once. */
import t from 'tap';
import { SESSION_KEPT_SLOTS, SESSION_SWEEP_SLOTS } from '#src/machine/state.js';
import { ScriptMachine } from './support/script-machine.js';

const APP = `
  addVolume db node=a
  createGroup app volumes=db
`;

void t.test('L3 a retry is answered with what the first try did, also after a checkpoint', (t) => {
  for (const checkpoint of [false, true]) {
    const machine = new ScriptMachine(APP);
    const retry = (transaction: string): unknown => {
      if (checkpoint) machine.reload();
      return machine.run(`begin ${transaction} app request=r1:x`);
    };
    machine.run('begin t1 app request=r1:x');
    t.match(retry('t2'), { code: 'BUSY', details: { transaction: 't1' } }, 'while it is open');
    machine.run('commit t1');
    t.match(retry('t3'), { ok: true, generation: 1, transaction: 't1' }, 'once it is committed');
    machine.run('begin t4 app request=r2:x');
    machine.run('abort t4 code=NO_SPACE reason=full');
    const aborted = { code: 'ABORTED', details: { transaction: 't4', code: 'NO_SPACE', reason: 'full' } };
    if (checkpoint) machine.reload();
    t.match(machine.run('begin t5 app request=r2:x'), aborted, 'once it is aborted');
    t.same(machine.state.open, {});
    t.equal(machine.archive.length, 1);
  }
  t.end();
});

void t.test('L3 an operation other than begin is carried out once, too', (t) => {
  const machine = new ScriptMachine(`${APP} begin t1 app\n commit t1
    addHold app@1 keep request=h:x
    releaseHold app@1 keep`);
  t.match(machine.run('addHold app@1 keep request=h:x'), { ok: true });
  t.same(machine.state.holds, {}, 'it did not come back');
  t.end();
});

void t.test('L3 a refused request is not used up', (t) => {
  const machine = new ScriptMachine(`${APP} begin t1 app`);
  t.equal(machine.code('begin t2 app request=r1:x'), 'BUSY');
  t.equal(machine.code('begin t2 app expect=7 request=r1:x'), 'EXPECTATION_FAILED');
  machine.run('abort t1');
  t.match(machine.run('begin t2 app request=r1:x'), { ok: true, transaction: 't2' });
  t.end();
});

void t.test('T18 the same id with other arguments is a conflict, before and after the decision', (t) => {
  const machine = new ScriptMachine(`${APP} begin t1 app request=r1:x`);
  t.match(machine.run('begin t2 app request=r1:y'), { code: 'REQUEST_CONFLICT', details: { request: 'r1' } });
  machine.run('commit t1');
  machine.reload();
  t.equal(machine.code('begin t2 app request=r1:y'), 'REQUEST_CONFLICT');
  t.end();
});

void t.test('T18 an id is remembered for its slots after the decision, checkpoints or not, and then forgotten', (t) => {
  const machine = new ScriptMachine(`${APP} begin t1 app request=r1:x`);
  machine.pass(SESSION_KEPT_SLOTS + 2 * SESSION_SWEEP_SLOTS);
  machine.reload();
  t.equal(machine.code('begin t2 app request=r1:x'), 'BUSY', 'an open transaction is never forgotten');
  machine.run('commit t1');
  machine.pass(SESSION_KEPT_SLOTS - 1);
  machine.reload();
  t.match(machine.run('begin t3 app request=r1:x'), { ok: true, generation: 1 }, 'the last slot');
  t.match(machine.run('begin t4 app request=r1:x'), { ok: true, generation: null, transaction: 't4' }, 'one later');
  machine.run('abort t4');
  machine.pass(SESSION_KEPT_SLOTS + 2 * SESSION_SWEEP_SLOTS);
  t.same(machine.state.sessions, {}, 'and it leaves the state');
  t.end();
});

void t.test('ids that a decoder or a record could trip over are refused', (t) => {
  const machine = new ScriptMachine(APP);
  for (const id of ['', '__proto__', 'ü', 'x'.repeat(129)]) {
    t.equal(machine.code(`begin t1 app request=${id}:x`), 'USAGE', JSON.stringify(id));
  }
  t.equal(machine.code('begin __proto__ app'), 'USAGE');
  t.equal(machine.code('begin t1 app request=constructor:x'), 'ok');
  t.equal(machine.code('addPin __proto__ app@1'), 'USAGE');
  t.end();
});
