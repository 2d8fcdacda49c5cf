/** Durations and sizes as people write them. PURE: text in, numbers out; null where the text is none. */
export { ADDRESS_LAW, parseAddress } from '../machine/address.js';

const DURATION_UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  K: 1024,
  KiB: 1024,
  M: 1024 ** 2,
  MiB: 1024 ** 2,
  G: 1024 ** 3,
  GiB: 1024 ** 3,
  T: 1024 ** 4,
  TiB: 1024 ** 4,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  TB: 1000 ** 4,
};

/** The laws in words, for messages and help. */
export const DURATION_LAW = 'a number with a unit: 500ms, 5s, 2m or 1h';
export const SIZE_LAW = 'a number of bytes, or one with a unit: 64MiB, 10GB (K, M, G and T count in 1024)';

/** The longest duration that a timer can wait for, in ms (24.8 days). */
export const DURATION_MAX_MS = 2 ** 31 - 1;

/** `1.5s` -> 1500. Whole milliseconds, at least 1, at most DURATION_MAX_MS. */
export function parseDuration(text: string): number | null {
  const ms = scaled(text, DURATION_UNITS_MS);
  return ms === null || ms < 1 || ms > DURATION_MAX_MS ? null : ms;
}

/** `64MiB` -> 67108864. Whole bytes; 0 is one. */
export function parseSize(text: string): number | null {
  return scaled(text, SIZE_UNITS);
}

/** `0`, `12`: digits only, no sign, no leading zero, at most 2^53 - 1. */
export function parseCount(text: string): number | null {
  if (!/^(0|[1-9][0-9]*)$/.test(text)) return null;
  const count = Number(text);
  return Number.isSafeInteger(count) ? count : null;
}

function scaled(text: string, units: Readonly<Record<string, number>>): number | null {
  const match = /^([0-9]{1,16}(?:\.[0-9]{1,6})?)([A-Za-z]*)$/.exec(text);
  if (match === null) return null;
  const [, digits = '', unit = ''] = match;
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined;
  if (factor === undefined) return null;
  const value = Math.round(Number(digits) * factor);
  return Number.isSafeInteger(value) ? value : null;
}
