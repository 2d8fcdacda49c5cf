/**
 * Hashes over plain data. PURE in effect: createHash is the one thing that a pure folder takes from Node, here only,
 * because it is a function of its input and the language has no SHA-256 of its own.
 *
 * Keys are sorted before hashing, so that neither the order in which a decoder builds an object nor the order in which
 * a state came about shows in the hash (P10).
 */
import { createHash } from 'node:crypto';
import { compareText } from './record.js';
import type { ArchiveChange, State } from './state.js';

/** JSON with the keys of every object sorted by code unit, and undefined members left out. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item: unknown) => canonicalJson(item)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members: [string, unknown][] = Object.entries(value);
  const texts = members
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => compareText(a, b))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${texts.join(',')}}`;
}

/** SHA-256 (hex) of the canonical form. */
export function digestOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

/** The archive's digest after one more change. */
export function chainArchive(previous: string, change: ArchiveChange): string {
  return digestOf([previous, change]);
}

/** SHA-256 (hex) of a whole state; equal on every node that applied the same entries. */
export function stateDigest(state: State): string {
  return digestOf(state);
}
