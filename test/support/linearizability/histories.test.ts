/** Histories made by hand, of which everybody can see whether they are linearizable. */
import t from 'tap';
import { checkLinearizable } from './check.js';
import { groupModel, type GroupAnswer, type GroupCall } from './group-model.js';
import type { History, HistoryEvent } from './history.js';
import type { Model } from './model.js';
import { foresee, logModel, registerModel, registersModel, type LogAnswer, type LogCall } from './models.js';

const invoke = <Call>(process: string, call: Call): HistoryEvent<Call, never> => ({ kind: 'invoke', process, call });
const ok = <Answer>(process: string, answer: Answer): HistoryEvent<never, Answer> => ({ kind: 'ok', process, answer });
const fail = (process: string): HistoryEvent<never, never> => ({ kind: 'fail', process });
const unknown = (process: string): HistoryEvent<never, never> => ({ kind: 'unknown', process });
const write = (value: number) => ({ kind: 'write', value }) as const;
const read = { kind: 'read' } as const;

function verdict<State, Call, Answer>(model: Model<State, Call, Answer>, history: History<Call, Answer>): string {
  return checkLinearizable(model, history).kind;
}

void t.test('a register: what real time allows', async (t) => {
  const register = registerModel(0);
  t.equal(verdict(register, []), 'linearizable', 'nothing happened');
  t.equal(
    verdict(register, [
      invoke('a', write(1)),
      invoke('b', read),
      ok('b', 1),
      invoke('c', read),
      ok('c', 1),
      ok('a', true),
    ]),
    'linearizable',
    'a write is seen before it is answered',
  );
  t.equal(
    verdict(register, [
      invoke('a', write(1)),
      invoke('b', read),
      ok('b', 1),
      invoke('c', read),
      ok('c', 0),
      ok('a', true),
    ]),
    'violation',
    'but then not unseen again',
  );
  t.equal(
    verdict(register, [invoke('a', write(1)), ok('a', true), invoke('b', read), ok('b', 0)]),
    'violation',
    'P8 a stale read after an acknowledged write',
  );
  t.equal(
    verdict(register, [
      invoke('a', write(1)),
      invoke('b', write(2)),
      ok('b', true),
      ok('a', true),
      invoke('c', read),
      ok('c', 1),
    ]),
    'linearizable',
    'concurrent writes take effect in either order',
  );
});

void t.test('unknown outcomes take effect at any later time, or never', async (t) => {
  const register = registerModel(0);
  const lost = [invoke('a', write(1)), unknown('a'), invoke('b', read)];
  t.equal(verdict(register, [...lost, ok('b', 0)]), 'linearizable', 'not yet');
  t.equal(verdict(register, [...lost, ok('b', 0), invoke('b', read), ok('b', 1)]), 'linearizable', 'late');
  const twice = [...lost, ok('b', 1), invoke('b', write(2)), ok('b', true), invoke('b', read)];
  t.equal(verdict(register, [...twice, ok('b', 1)]), 'violation', 'L3 but not twice');
  t.equal(
    verdict(register, [invoke('b', read), ok('b', 1), invoke('a', write(1)), unknown('a')]),
    'violation',
    'and not before it was asked for',
  );
  t.equal(
    verdict(register, [invoke('a', write(1)), invoke('b', read), ok('b', 1)]),
    'linearizable',
    'an operation that never ended is one of them',
  );
  t.equal(
    verdict(register, [invoke('a', write(1)), fail('a'), invoke('b', read), ok('b', 1)]),
    'violation',
    'L6 one that failed never takes effect',
  );
});

void t.test('compare-and-set has one winner', async (t) => {
  const claim = (value: number) => ({ kind: 'compareAndSet', expected: 0, value }) as const;
  const both = [invoke('a', claim(1)), invoke('b', claim(2)), ok('a', true)];
  t.equal(verdict(registerModel(0), [...both, ok('b', false)]), 'linearizable');
  t.equal(verdict(registerModel(0), [...both, ok('b', true)]), 'violation');
  t.equal(verdict(registerModel(0), [...both, unknown('b'), invoke('a', read), ok('a', 1)]), 'linearizable');
  t.equal(verdict(registerModel(0), [...both, unknown('b'), invoke('a', read), ok('a', 2)]), 'violation');
});

void t.test('objects are checked one by one', async (t) => {
  const on = (key: string, value: number) => ({ ...write(value), key });
  const of = (key: string) => ({ ...read, key });
  const history = [invoke('a', on('x', 1)), ok('a', true), invoke('b', of('y')), ok('b', 0), invoke('b', of('x'))];
  t.equal(verdict(registersModel(0), [...history, ok('b', 1)]), 'linearizable');
  const { kind, explanation } = checkLinearizable(registersModel(0), [...history, ok('b', 0)]);
  t.equal(kind, 'violation');
  t.match(explanation, /^the history of x is not linearizable/);
});

void t.test('a log: order, slots and reads agree', async (t) => {
  const append = (value: string): LogCall => ({ kind: 'append', value });
  const at = (slot: number): LogAnswer => ({ slot });
  const saw = (...values: string[]): LogAnswer => ({ values });
  const begun = [invoke('a', append('x')), invoke('b', append('y')), ok('b', at(4)), ok('a', at(7))];
  const reading = [...begun, invoke('c', read)];
  t.equal(verdict(logModel(), [...reading, ok('c', saw('y', 'x'))]), 'linearizable');
  t.equal(verdict(logModel(), [...reading, ok('c', saw('x', 'y'))]), 'violation', 'not in the order of the slots');
  t.equal(verdict(logModel(), [...reading, ok('c', saw('x'))]), 'violation', 'an acknowledged entry is lost');
  t.equal(verdict(logModel(), [...reading, ok('c', saw('y', 'x', 'x'))]), 'violation', 'T18 one is there twice');
  t.equal(
    verdict(logModel(), [...begun, invoke('c', append('z')), ok('c', at(6))]),
    'violation',
    'a slot below one that was acknowledged before',
  );
  const lost = [
    ...begun,
    invoke('c', append('z')),
    unknown('c'),
    invoke('d', append('w')),
    ok('d', at(9)),
    invoke('b', read),
  ];
  t.equal(
    verdict(logModel(), [...lost, ok('b', saw('y', 'x', 'w'))]),
    'linearizable',
    'an unknown append is not there',
  );
  t.equal(verdict(logModel(), [...lost, ok('b', saw('y', 'x', 'z', 'w'))]), 'linearizable', 'is there');
  t.equal(verdict(logModel(), [...lost, ok('b', saw('y', 'x', 'w', 'z'))]), 'linearizable', 'is there late');
  t.equal(verdict(logModel(), [...lost, ok('b', saw('z', 'y', 'x', 'w'))]), 'violation', 'but not too early');
  for (const last of [saw('y', 'x', 'z', 'w'), saw('z', 'y', 'x', 'w')]) {
    const history = [...lost, ok('b', last)];
    t.equal(verdict(logModel(foresee(history)), history), verdict(logModel(), history), 'foresight changes no verdict');
  }
});

void t.test('a group: expectations, holds and reads', async (t) => {
  const commit = (expect: number | null): GroupCall => ({ group: 'app', kind: 'commit', expect });
  const hold = (generation: number): GroupCall => ({ group: 'app', kind: 'hold', generation, tag: 'keep' });
  const committed = (generation: number): GroupAnswer => ({ kind: 'committed', generation });
  const seen = (newest: number, ...holds: string[]): GroupAnswer => ({ kind: 'seen', newest, holds });
  const show: GroupCall = { group: 'app', kind: 'show' };
  const race = [invoke('a', commit(0)), invoke('b', commit(0)), ok('a', committed(1))];
  t.equal(verdict(groupModel, [...race, ok('b', { kind: 'refused' })]), 'linearizable');
  t.equal(verdict(groupModel, [...race, ok('b', committed(2))]), 'violation', 'both expected to be the first');
  t.equal(verdict(groupModel, [...race, unknown('b'), invoke('c', show), ok('c', seen(1))]), 'linearizable');
  t.equal(verdict(groupModel, [...race, unknown('b'), invoke('c', show), ok('c', seen(2))]), 'violation');
  const held = [invoke('c', hold(1)), ok('c', { kind: 'done' } as const), invoke('c', show)];
  t.equal(verdict(groupModel, [...race, ...held, ok('c', seen(1, '1 keep'))]), 'linearizable');
  t.equal(
    verdict(groupModel, [...race, ...held, ok('c', seen(1))]),
    'violation',
    'a hold that was acknowledged is gone',
  );
});

void t.test('a violation says what fits, and what does not', async (t) => {
  const history = [
    invoke('ann', write(1)),
    ok('ann', true),
    invoke('bob', read),
    invoke('cid', write(2)),
    ok('bob', 0),
  ];
  const { explanation } = checkLinearizable(registerModel(0), history);
  t.equal(
    explanation,
    [
      'the history is not linearizable: no order explains this answer',
      '    bob: {"kind":"read"} → 0 (events 2 to 4)',
      'the longest order that fits has 2 operations, and ends with',
      '    ann: {"kind":"write","value":1} → true (events 0 to 1)',
      '    cid: {"kind":"write","value":2} → outcome unknown (since event 3)',
      'after them the state is 2',
      'nothing else was running',
    ].join('\n'),
  );
});

void t.test('a search that would take too long says that it gave up', async (t) => {
  const writes = Array.from({ length: 12 }, (_, n) => invoke(String(n), write(n + 1)));
  const reads = [invoke('reader', read), ok('reader', 99)];
  const { kind, explanation } = checkLinearizable(registerModel(0), [...writes, ...reads], 5);
  t.equal(kind, 'undecided');
  t.match(explanation, /gave up after 6 configurations/);
});

void t.test('a client that runs two operations at once is a mistake of the harness', async (t) => {
  t.throws(() => checkLinearizable(registerModel(0), [invoke('a', read), invoke('a', read)]), /running already/);
  t.throws(() => checkLinearizable(registerModel(0), [ok('a', 0)]), /no operation running/);
});
