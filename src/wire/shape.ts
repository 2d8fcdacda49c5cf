/**
 * Checks of decoded data by plain code: a check takes what CBOR gave and answers it as the type that it is, or throws.
 * (zod would do; loading it costs a command more than everything that it would check here.)
 */

/** @throws TypeError that names the place. */
export type Check<T> = (value: unknown, where: string) => T;

function fail(where: string, wanted: string): never {
  throw new TypeError(`${where} is not ${wanted}`);
}

export const text: Check<string> = (value, where) => (typeof value === 'string' ? value : fail(where, 'a string'));

/** Zero and up; what is counted or timed is never negative and never has a fraction (P10). */
export const natural: Check<number> = (value, where) =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : fail(where, 'a natural number');

export const yesNo: Check<boolean> = (value, where) =>
  typeof value === 'boolean' ? value : fail(where, 'true or false');

export function literal<T extends string>(wanted: T): Check<T> {
  return (value, where) => (value === wanted ? wanted : fail(where, wanted));
}

export function oneOf<T extends string>(allowed: readonly T[]): Check<T> {
  return (value, where) => allowed.find((one) => one === value) ?? fail(where, `one of ${allowed.join(', ')}`);
}

export function nullable<T>(check: Check<T>): Check<T | null> {
  return (value, where) => (value === null ? null : check(value, where));
}

/** What is left out where it is null: a field that is not there comes back as null. */
export function optional<T>(check: Check<T>): Check<T | null> {
  return (value, where) => (value === undefined || value === null ? null : check(value, where));
}

export function list<T>(check: Check<T>): Check<readonly T[]> {
  return (value, where) =>
    Array.isArray(value)
      ? value.map((item, index) => check(item, `${where}[${String(index)}]`))
      : fail(where, 'a list');
}

export function record<T>(check: Check<T>): Check<Readonly<Record<string, T>>> {
  return (value, where) =>
    Object.fromEntries(Object.entries(plain(value, where)).map(([key, item]) => [key, check(item, `${where}.${key}`)]));
}

/** Exactly these fields: a missing or an unknown one fails. */
export function object<T extends object>(fields: { readonly [K in keyof T]-?: Check<T[K]> }): Check<T> {
  const checks = Object.entries<Check<unknown>>(fields);
  return (value, where) => {
    const found = plain(value, where);
    for (const key of Object.keys(found))
      if (!Object.hasOwn(fields, key)) fail(`${where}.${key}`, 'a field that is known');
    return Object.fromEntries(checks.map(([key, check]) => [key, check(found[key], `${where}.${key}`)])) as T;
  };
}

/** A union told apart by its `type`. */
export function variants<T extends { readonly type: string }>(table: {
  readonly [K in T['type']]: Check<Extract<T, { readonly type: K }>>;
}): Check<T> {
  const checks = new Map(Object.entries<Check<T>>(table));
  return (value, where) => {
    const type = text(plain(value, where)['type'], `${where}.type`);
    const check = checks.get(type) ?? fail(`${where}.type`, 'a known operation');
    return check(value, where);
  };
}

export function plain(value: unknown, where: string): Readonly<Record<string, unknown>> {
  const isPlain = typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
  return isPlain ? (value as Readonly<Record<string, unknown>>) : fail(where, 'an object');
}

export const bytes: Check<Uint8Array> = (value, where) =>
  value instanceof Uint8Array ? value : fail(where, 'a byte string');
