/** Planning a prune. Dates are checked against Date, which the source may not use. */
import fc from 'fast-check';
import t from 'tap';
import { civilFromDays, planRetention, type RetentionRules } from '#src/machine/retention.js';
import { protectedGenerations } from '#src/machine/protection.js';
import { seed } from './support/random.js';
import { ScriptMachine } from './support/script-machine.js';

const NONE: RetentionRules = {
  keepLast: 0,
  keepHourly: 0,
  keepDaily: 0,
  keepWeekly: 0,
  keepMonthly: 0,
  keepYearly: 0,
};
const NOBODY: ReadonlySet<number> = new Set();

/** Generations 1, 2, … at these times. */
function dated(...times: readonly string[]): { generation: number; committedAt: number }[] {
  return times.map((time, i) => ({ generation: i + 1, committedAt: Date.parse(time) }));
}

function kept(times: readonly string[], rules: Partial<RetentionRules>): readonly number[] {
  return planRetention(dated(...times), { ...NONE, ...rules }, NOBODY)
    .keep.map(({ generation }) => generation)
    .reverse();
}

void t.test('the newest of each of the last n buckets is kept; empty buckets do not count', (t) => {
  const days = [
    '2026-01-01T01:00Z',
    '2026-01-01T23:59:59.999Z',
    '2026-01-02T00:00Z',
    '2026-01-05T12:00Z',
    '2026-01-05T13:00Z',
  ];
  t.same(kept(days, { keepLast: 2 }), [4, 5]);
  t.same(kept(days, { keepDaily: 1 }), [5]);
  t.same(kept(days, { keepDaily: 2 }), [3, 5]);
  t.same(kept(days, { keepDaily: 3 }), [2, 3, 5]);
  t.same(kept(days, { keepDaily: 9 }), [2, 3, 5]);
  t.same(kept(days, { keepHourly: 3 }), [3, 4, 5]);
  t.same(kept(days, { keepDaily: 2, keepLast: 2 }), [3, 4, 5]);
  t.end();
});

void t.test('weeks are ISO weeks, also around a new year, and months and years are UTC', (t) => {
  // 2026-12-27 is a Sunday; the week of Monday 2026-12-28 reaches to Sunday 2027-01-03.
  const turn = [
    '2026-12-27T23:59Z',
    '2026-12-28T00:00Z',
    '2026-12-31T23:59Z',
    '2027-01-01T00:00Z',
    '2027-01-03T23:59Z',
    '2027-01-04T00:00Z',
  ];
  t.same(kept(turn, { keepWeekly: 9 }), [1, 5, 6]);
  t.same(kept(turn, { keepMonthly: 9 }), [3, 6]);
  t.same(kept(turn, { keepYearly: 9 }), [3, 6]);
  t.same(kept(['2024-02-28T00:00Z', '2024-02-29T23:00Z', '2024-03-01T00:00Z'], { keepMonthly: 2 }), [2, 3]);
  t.end();
});

void t.test('a plan says why it keeps, removes in ascending order, and never removes what is protected', (t) => {
  const generations = dated('2026-01-01T00:00Z', '2026-01-02T00:00Z', '2026-01-03T00:00Z', '2026-01-04T00:00Z');
  const plan = planRetention(generations.reverse(), { ...NONE, keepLast: 1, keepDaily: 1 }, new Set([2]));
  t.same(plan.keep, [
    { generation: 4, reasons: ['last', 'daily'] },
    { generation: 2, reasons: ['protected'] },
  ]);
  t.same(plan.remove, [1, 3]);
  t.end();
});

void t.test('without any rule everything is kept', (t) => {
  const plan = planRetention(dated('2026-01-01T00:00Z', '2026-01-01T00:00Z'), NONE, NOBODY);
  t.same(plan.remove, []);
  t.same(
    plan.keep.map(({ reasons }) => reasons),
    [['no rule'], ['no rule']],
  );
  t.same(planRetention([], { ...NONE, keepLast: 1 }, NOBODY), { keep: [], remove: [] });
  t.end();
});

void t.test('the civil date of every day agrees with the calendar', (t) => {
  t.comment(`SEED=${String(seed)}`);
  t.doesNotThrow(() => {
    fc.assert(
      fc.property(fc.integer({ min: -100_000, max: 2_932_896 }), (days) => {
        const date = new Date(days * 86_400_000);
        const { year, month, day } = civilFromDays(days);
        return year === date.getUTCFullYear() && month === date.getUTCMonth() + 1 && day === date.getUTCDate();
      }),
      { seed, numRuns: 5000 },
    );
  });
  t.end();
});

void t.test('T13 what the state protects is what retire refuses', (t) => {
  const machine = new ScriptMachine('addVolume db\n createGroup app volumes=db');
  for (let n = 1; n <= 6; n += 1) {
    machine.run(`begin t${String(n)} app`);
    machine.run(`commit t${String(n)}`);
    if (n !== 5) machine.run(`published app@${String(n)} a`);
  }
  machine.run('addHold app@1 keep');
  machine.run('addPin p app@2');
  machine.run('begin t7 app mode=restore source=3');
  t.same(
    [...protectedGenerations(machine.state, 'app')].toSorted((a, b) => a - b),
    [1, 2, 3, 5, 6],
  );
  for (const n of [1, 2, 3, 5, 6]) t.equal(machine.code(`retire app ${String(n)}`), 'IN_USE', String(n));
  t.equal(machine.code('retire app 4'), 'ok');
  t.same([...protectedGenerations(machine.state, 'other')], []);
  t.end();
});
