/** FAILURES P10, and the hash of a state. */
import t from 'tap';
import { apply } from '#src/machine/apply.js';
import { canonicalJson, digestOf, stateDigest } from '#src/machine/digest.js';
import type { Entry, Slot } from '#src/machine/entry.js';
import { compareText, sortedUnique } from '#src/machine/record.js';
import { emptyState, type State } from '#src/machine/state.js';
import { InvariantError } from '#src/errors.js';
import { ScriptMachine } from './support/script-machine.js';

const NAMES = ['b', 'Zeta', 'a', '10', '9', 'a.b', 'A', 'a-b', 'a_b'];
const CODE_UNIT_ORDER = ['10', '9', 'A', 'Zeta', 'a', 'a-b', 'a.b', 'a_b', 'b'];

void t.test('P10 orders are by code unit, whatever the locale', (t) => {
  const machine = new ScriptMachine(NAMES.map((name) => `addVolume ${name} node=${name}`).join('\n'));
  machine.run(`createGroup app volumes=${NAMES.join(',')}`);
  machine.run('begin t1 app');
  machine.run('commit t1');
  for (const tag of NAMES) machine.run(`addHold app@1 ${tag}`);
  t.same(machine.state.groups['app']?.record.volumes, CODE_UNIT_ORDER);
  t.same(machine.state.pending['app@1']?.nodes, CODE_UNIT_ORDER);
  t.same(machine.state.holds['app@1'], CODE_UNIT_ORDER);
  t.same(sortedUnique(['ä', 'z', 'Z', 'z']), ['Z', 'z', 'ä']);
  t.equal(compareText('a', 'a'), 0);
  t.end();
});

void t.test('P10 the clock of the applying node does not show, and a stepping proposer never sets time back', (t) => {
  const machine = new ScriptMachine('addVolume db\n createGroup app volumes=db');
  const times = [5000, 5000, 10, 0, 2 ** 53 + 2, -7, 6000];
  const committed = times.map((at, i) => {
    machine.run(`begin t${String(i)} app`);
    machine.run(`commit t${String(i)} at=${String(at)}`);
    return machine.state.clock;
  });
  t.same(committed, [5000, 5001, 5002, 5003, 5004, 5005, 6000]);
  t.end();
});

void t.test('P10 a time that is no safe integer begins nothing', (t) => {
  const machine = new ScriptMachine('addVolume db\n createGroup app volumes=db');
  for (const at of ['NaN', '0.5', '-1', String(2 ** 53), '253402300800000', 'Infinity']) {
    t.equal(machine.code(`begin t1 app at=${at}`), 'USAGE', at);
  }
  t.equal(machine.code('begin t1 app at=253402300799999'), 'ok');
  t.end();
});

void t.test('P10 neither the order of keys nor what JSON leaves out shows in a hash', (t) => {
  t.equal(canonicalJson({ b: [1, { d: null, c: 'x' }], a: undefined }), '{"b":[1,{"c":"x","d":null}]}');
  t.equal(digestOf({ a: 1, b: 2 }), digestOf({ b: 2, a: 1 }));
  t.not(digestOf([1, 2]), digestOf([2, 1]));
  const machine = new ScriptMachine(
    'addVolume db\n addVolume 7\n createGroup app volumes=db,7\n begin t1 app\n commit t1',
  );
  const shuffled: State = Object.fromEntries(Object.entries(machine.state).reverse()) as unknown as State;
  t.equal(stateDigest(shuffled), stateDigest(machine.state));
  const digest = stateDigest(machine.state);
  for (const sorted of [false, true]) {
    machine.reload(sorted);
    t.equal(stateDigest(machine.state), digest);
  }
  t.end();
});

void t.test('P10 a commit is the same commit again however its keys are ordered', (t) => {
  const machine = new ScriptMachine('addVolume db\n createGroup app volumes=db\n begin t1 app');
  const manifest = {
    consistency: { grade: 'barrier', stallMs: 1, skewMs: 1, frozen: [], hosts: [] },
    volumes: [{ volume: 'db', node: 'a', driver: 'btrfs', staged: 's', id: 'i', swap: null }],
  } as const;
  const epoch = { incarnation: 1, slot: machine.state.applied };
  const entry = (reversed: boolean): Entry => ({
    at: 1,
    request: null,
    append: null,
    operation: {
      type: 'commit',
      transaction: 't1' as Extract<Entry['operation'], { type: 'commit' }>['transaction'],
      epoch,
      manifest: reversed
        ? { volumes: manifest.volumes, consistency: { hosts: [], frozen: [], skewMs: 1, stallMs: 1, grade: 'barrier' } }
        : manifest,
    },
  });
  t.match(machine.apply(entry(false)).outcome, { ok: true, generation: 1 });
  t.match(machine.apply(entry(true)).outcome, { ok: true, generation: 1 });
  t.end();
});

void t.test('P10 M1 an entry out of its slot stops the node', (t) => {
  const entry: Entry = { at: 1, request: null, append: null, operation: { type: 'releasePin', pin: 'p' } };
  for (const slot of [0, 2, 3]) t.throws(() => apply(emptyState(1), slot as Slot, entry), InvariantError);
  t.equal(apply(emptyState(1), 1 as Slot, entry).state.applied, 1);
  t.end();
});

void t.test('the archive digest tells every history of the archive apart', (t) => {
  const machine = new ScriptMachine('addVolume db\n createGroup app volumes=db');
  const seen = new Set([machine.state.archiveDigest]);
  const lines = ['begin t1 app', 'commit t1', 'begin t2 app', 'commit t2', 'published app@1 a', 'retire app 1'];
  for (const line of lines) {
    machine.run(line);
    seen.add(machine.state.archiveDigest);
  }
  t.equal(seen.size, 4, 'the empty one, two puts, one delete');
  t.end();
});
