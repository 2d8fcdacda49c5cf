/**
 * Reading and changing records that are keyed by names which users choose. PURE.
 *
 * A plain `record[name]` finds what every object inherits (`constructor`, `toString`), and those are valid names.
 */

export type ReadonlyRecord<T> = Readonly<Record<string, T>>;

/** The value under `key`, or undefined; never an inherited one. */
export function lookup<T>(record: ReadonlyRecord<T>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

export function withKey<T>(record: ReadonlyRecord<T>, key: string, value: T): ReadonlyRecord<T> {
  return { ...record, [key]: value };
}

export function withoutKey<T>(record: ReadonlyRecord<T>, key: string): ReadonlyRecord<T> {
  if (!Object.hasOwn(record, key)) return record;
  return Object.fromEntries(Object.entries(record).filter(([name]) => name !== key));
}

/** Every value through `change`, under the same keys in the same order; undefined drops the key. */
export function mapRecord<T>(
  record: ReadonlyRecord<T>,
  change: (value: T, key: string) => T | undefined,
): ReadonlyRecord<T> {
  const changed: [string, T][] = [];
  for (const [key, value] of Object.entries(record)) {
    const next = change(value, key);
    if (next !== undefined) changed.push([key, next]);
  }
  return Object.fromEntries(changed);
}

/** By code unit, as every order in the state is: no locale (P10). */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Sorted by code unit, without repeats. */
export function sortedUnique(values: readonly string[]): readonly string[] {
  return [...new Set(values)].sort(compareText);
}
