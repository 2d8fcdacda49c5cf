/**
 * Entries, archived generations and the state as bytes: CBOR with the keys in code-unit order, so that equal values are
 * equal bytes on every node (P10). Whoever hashes, hashes these bytes; nothing is ever encoded again to be compared.
 */
import { createHash } from 'node:crypto';
// The part without streams and native code: it loads in half the time.
import { Encoder } from 'cbor-x/encode';
import { SnapcommitError } from '../errors.js';
import type { Entry } from '../machine/entry.js';
import type { GenerationRecord, State } from '../machine/state.js';
import { entryShape, generationShape, slotShape } from './entry-shape.js';
import { list, natural, plain, text } from '../wire/shape.js';

const cbor = new Encoder({ useRecords: false, mapsAsObjects: true, variableMapSize: true, tagUint8Array: false });

/**
 * An entry without an append's name has no such field, so it costs nothing.
 * @throws TypeError when the entry is not what its type says (a fraction, a missing field).
 */
export function encodeEntry(entry: Entry): Uint8Array {
  const { append, ...rest } = entryShape(entry, 'entry');
  return encode(append === null ? rest : { ...rest, append });
}

/** @throws TypeError when the bytes are no entry. */
export function decodeEntry(bytes: Uint8Array): Entry {
  return entryShape(cbor.decode(bytes), 'entry');
}

export function encodeGeneration(record: GenerationRecord): Uint8Array {
  return encode(record);
}

/** @throws TypeError when the bytes are no generation. */
export function decodeGeneration(bytes: Uint8Array): GenerationRecord {
  return generationShape(cbor.decode(bytes), 'generation');
}

export function encodeState(state: State): Uint8Array {
  return encode(state);
}

const STATE_RECORDS = [
  'volumes',
  'groups',
  'open',
  'pending',
  'holds',
  'pins',
  'sessions',
  'members',
  'tokens',
] as const;

/** What a checkpoint from before there were clusters leaves out. */
const LATER_FIELDS = { appends: { forgotten: 0, clients: {} }, members: {}, departed: [], tokens: {} };

/**
 * Checks the state's outline; its inside is our own writing under a checksum.
 * @throws TypeError when the bytes are no state.
 */
export function decodeState(bytes: Uint8Array): State {
  const state: Readonly<Record<string, unknown>> = { ...LATER_FIELDS, ...plain(cbor.decode(bytes), 'state') };
  if (state['format'] !== 1) throw new TypeError('state.format is not 1');
  slotShape(state['applied'], 'state.applied');
  natural(state['incarnation'], 'state.incarnation');
  natural(state['clock'], 'state.clock');
  text(state['archiveDigest'], 'state.archiveDigest');
  list(plain)(state['finished'], 'state.finished');
  list(text)(state['departed'], 'state.departed');
  for (const field of STATE_RECORDS) plain(state[field], `state.${field}`);
  const appends = plain(state['appends'], 'state.appends');
  slotShape(appends['forgotten'], 'state.appends.forgotten');
  plain(appends['clients'], 'state.appends.clients');
  return state as unknown as State;
}

/** SHA-256 (hex) over the state's bytes: two nodes that applied the same slots have the same one. */
export function stateHash(state: State): string {
  return createHash('sha256').update(encodeState(state)).digest('hex');
}

function encode(value: unknown): Uint8Array {
  return new Uint8Array(cbor.encode(canonical(value)));
}

/** The same value with every object's keys in code-unit order (but numbers first, as JavaScript has them). */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  // CBOR's decoder renames this one key, so it would not come back.
  if (Object.hasOwn(value, '__proto__'))
    throw new SnapcommitError('NAME_INVALID', 'nothing can be named __proto__; choose another name');
  return Object.fromEntries(fields.map(([key, item]) => [key, canonical(item)]));
}
