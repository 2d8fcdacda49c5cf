/**
 * How a process numbers what it asks of its peers. Each start counts in a range of its own, drawn from its nonce, so that
 * a late answer to an earlier start's question is nobody's, also after the store was wiped and counts its starts anew.
 */
import { createHash } from 'node:crypto';

const NUMBERS_OF_A_START = 2 ** 24;
/** With the numbers, this stays within 2^53. */
const START_BITS = 28;

export function firstNumber(nonce: string): number {
  const start = createHash('sha256').update(nonce).digest().readUInt32BE(0) >>> (32 - START_BITS);
  return start * NUMBERS_OF_A_START;
}

/** The same for all numbers of one start, and for no others. */
export function startOf(number: number): number {
  return Math.floor(number / NUMBERS_OF_A_START);
}
