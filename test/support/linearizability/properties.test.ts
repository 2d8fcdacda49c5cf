/** The checker against its definition. SEED replays; a failure prints the shrunk history. */
import fc from 'fast-check';
import t from 'tap';
import { isLinearizable } from './brute-force.js';
import { checkLinearizable } from './check.js';
import { operationsOf } from './history.js';
import { registerModel } from './models.js';
import { search } from './search.js';
import { isWitness, mutate, simulateRegister, type Pick, type RegisterEvent } from './support.js';

const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const register = registerModel(0);
const numbers = (length: number) => fc.array(fc.nat(1_000_000), { minLength: length, maxLength: length });

function picker(choices: readonly number[]): Pick {
  let next = 0;
  return (bound) => {
    const choice = choices[next % choices.length] ?? 0;
    next += 1;
    return (choice + (next > choices.length ? next : 0)) % bound;
  };
}

function says(events: readonly RegisterEvent[]): boolean {
  const { kind } = checkLinearizable(register, events);
  return kind === 'linearizable';
}

void t.test('what a linearizable object did is accepted, with an order that shows it', async (t) => {
  t.comment(`SEED=${String(seed)}`);
  t.doesNotThrow(() => {
    fc.assert(
      fc.property(numbers(400), fc.integer({ min: 2, max: 6 }), (choices, clients) => {
        const operations = operationsOf(simulateRegister(picker(choices), clients, 120));
        const result = search(register, operations, 1_000_000);
        return result.kind === 'found' && isWitness(register, result.order);
      }),
      { seed, numRuns: 300 },
    );
  });
});

void t.test('a history with something changed is judged as the definition judges it', async (t) => {
  t.comment(`SEED=${String(seed)}`);
  const judged = { accepted: 0, rejected: 0 };
  t.doesNotThrow(() => {
    fc.assert(
      fc.property(numbers(120), numbers(8), fc.integer({ min: 2, max: 4 }), (choices, changes, clients) => {
        const change = picker(changes);
        const events = mutate(mutate(simulateRegister(picker(choices), clients, 20), change), change);
        const expected = isLinearizable(register, operationsOf(events));
        judged[expected ? 'accepted' : 'rejected'] += 1;
        return says(events) === expected;
      }),
      { seed, numRuns: 3000 },
    );
  });
  t.ok(judged.accepted > 100 && judged.rejected > 100, 'the changes make both kinds', judged);
});

/** All interleavings of three clients with one operation each, over these calls and every answer that they can get. */
function* smallHistories(): Generator<readonly RegisterEvent[]> {
  const ends = (process: string, answers: readonly (number | boolean)[]): RegisterEvent[] => [
    ...answers.map((answer): RegisterEvent => ({ kind: 'ok', process, answer })),
    { kind: 'unknown', process },
  ];
  const lives = (process: string): [RegisterEvent, RegisterEvent][] =>
    [
      { call: { kind: 'read' } as const, answers: [0, 1, 2] },
      { call: { kind: 'write', value: 1 } as const, answers: [true] },
      { call: { kind: 'compareAndSet', expected: 1, value: 2 } as const, answers: [true, false] },
    ].flatMap(({ call, answers }) =>
      ends(process, answers).map((end): [RegisterEvent, RegisterEvent] => [{ kind: 'invoke', process, call }, end]),
    );
  for (const a of lives('a')) for (const b of lives('b')) for (const c of lives('c')) yield* interleavings([a, b, c]);
}

function* interleavings(left: readonly (readonly RegisterEvent[])[]): Generator<readonly RegisterEvent[]> {
  if (left.every((events) => events.length === 0)) yield [];
  for (const [index, [first, ...rest]] of left.entries()) {
    if (first === undefined) continue;
    for (const others of interleavings(left.with(index, rest))) yield [first, ...others];
  }
}

void t.test('every small history is judged as the definition judges it', async (t) => {
  const judged = { accepted: 0, rejected: 0 };
  let wrong: readonly RegisterEvent[] | null = null;
  for (const events of smallHistories()) {
    const expected = isLinearizable(register, operationsOf(events));
    judged[expected ? 'accepted' : 'rejected'] += 1;
    if (says(events) !== expected) wrong ??= events;
  }
  t.equal(wrong, null, 'no history is judged differently');
  t.ok(judged.accepted > 10_000 && judged.rejected > 10_000, 'both kinds are many', judged);
});
