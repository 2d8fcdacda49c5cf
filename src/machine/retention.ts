/**
 * Planning a prune: which generations the keep rules keep, and why. PURE: calendar buckets are UTC (weeks are ISO
 * weeks, Monday to Sunday), computed from ms by plain arithmetic.
 *
 * As with restic's `forget`, a rule `keepDaily: 7` keeps the newest generation of each of the last seven days that have
 * any; days without one do not count, and a generation that several rules keep counts for each. Unlike there, the
 * oldest is not kept beyond that.
 */

export interface RetentionRules {
  readonly keepLast: number;
  readonly keepHourly: number;
  readonly keepDaily: number;
  readonly keepWeekly: number;
  readonly keepMonthly: number;
  readonly keepYearly: number;
}

export type KeepReason = 'last' | 'hourly' | 'daily' | 'weekly' | 'monthly' | 'yearly' | 'protected' | 'no rule';

export interface DatedGeneration {
  readonly generation: number;
  /** ms since the epoch. */
  readonly committedAt: number;
}

export interface KeptGeneration {
  readonly generation: number;
  readonly reasons: readonly KeepReason[];
}

export interface RetentionPlan {
  /** Newest first. */
  readonly keep: readonly KeptGeneration[];
  /** Ascending, as `retire` wants them. */
  readonly remove: readonly number[];
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

interface Rule {
  readonly reason: KeepReason;
  readonly count: number;
  /** Generations of one bucket share this number. */
  readonly bucket: (generation: DatedGeneration) => number;
}

/**
 * `protectedGenerations` (protection.ts) are kept whatever the rules say, and count in their buckets like any other.
 * Without any rule everything is kept. Leave incomplete generations out, so that none takes a whole one's place.
 */
export function planRetention(
  generations: readonly DatedGeneration[],
  rules: RetentionRules,
  protectedGenerations: ReadonlySet<number>,
): RetentionPlan {
  const newestFirst = generations.toSorted((a, b) => b.generation - a.generation);
  const active = rulesOf(rules).filter((rule) => rule.count > 0);
  const chosen = active.map((rule) => ({ reason: rule.reason, generations: keptBy(rule, newestFirst) }));
  const judged = newestFirst.map(({ generation }): KeptGeneration => {
    const reasons = chosen.filter((rule) => rule.generations.has(generation)).map((rule) => rule.reason);
    if (active.length === 0) reasons.push('no rule');
    if (protectedGenerations.has(generation)) reasons.push('protected');
    return { generation, reasons };
  });
  return {
    keep: judged.filter(({ reasons }) => reasons.length > 0),
    remove: judged
      .filter(({ reasons }) => reasons.length === 0)
      .map(({ generation }) => generation)
      .reverse(),
  };
}

function rulesOf(rules: RetentionRules): readonly Rule[] {
  return [
    { reason: 'last', count: rules.keepLast, bucket: ({ generation }) => generation },
    { reason: 'hourly', count: rules.keepHourly, bucket: ({ committedAt }) => Math.floor(committedAt / HOUR_MS) },
    { reason: 'daily', count: rules.keepDaily, bucket: ({ committedAt }) => dayOf(committedAt) },
    { reason: 'weekly', count: rules.keepWeekly, bucket: ({ committedAt }) => weekOf(dayOf(committedAt)) },
    { reason: 'monthly', count: rules.keepMonthly, bucket: ({ committedAt }) => monthOf(dayOf(committedAt)) },
    { reason: 'yearly', count: rules.keepYearly, bucket: ({ committedAt }) => yearOf(dayOf(committedAt)) },
  ];
}

function keptBy(rule: Rule, newestFirst: readonly DatedGeneration[]): ReadonlySet<number> {
  const kept = new Set<number>();
  const buckets = new Set<number>();
  for (const generation of newestFirst) {
    const bucket = rule.bucket(generation);
    if (buckets.has(bucket)) continue;
    if (buckets.size === rule.count) break;
    buckets.add(bucket);
    kept.add(generation.generation);
  }
  return kept;
}

/** Days since 1970-01-01. */
function dayOf(ms: number): number {
  return Math.floor(ms / DAY_MS);
}

/** Weeks since the one of 1970-01-01, which was a Thursday: its Monday lies three days before. */
function weekOf(day: number): number {
  return Math.floor((day + 3) / 7);
}

function yearOf(day: number): number {
  return civilFromDays(day).year;
}

function monthOf(day: number): number {
  const { year, month } = civilFromDays(day);
  return year * 12 + month - 1;
}

/**
 * The Gregorian date of a day counted from 1970-01-01 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
 * Years begin in March inside it, so that the leap day is the last of its year.
 */
export function civilFromDays(day: number): { readonly year: number; readonly month: number; readonly day: number } {
  const shifted = day + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return { year, month, day: dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1 };
}
