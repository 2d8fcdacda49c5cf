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
  const bytes = cbor.encode(canonical(append === null ? rest : { ...rest, append }));
  // A part of the encoder's own memory, which it never writes again: a copy would cost more than all of this.
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** @throws TypeError when the bytes are no entry. */
export function decodeEntry(bytes: Uint8Array): Entry {
  return entryShape(cbor.decode(bytes), 'entry');
}

/** Entries on their way through this process, from the request that brought them until they are chosen. */
const expected = new WeakMap<Uint8Array, Entry>();

/** As `decodeEntry`; `decodeChosen` of these very bytes, which nobody may change, will answer it without decoding again. */
export function decodeProposal(bytes: Uint8Array): Entry {
  const entry = decodeEntry(bytes);
  expected.set(bytes, entry);
  return entry;
}

/** As `decodeEntry`, for an entry that is applied: asked for once. */
export function decodeChosen(bytes: Uint8Array): Entry {
  const known = expected.get(bytes);
  if (known === undefined) return decodeEntry(bytes);
  expected.delete(bytes);
  return known;
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

/**
 * The same value with every object's keys in code-unit order (but numbers first, as JavaScript has them). What is in order
 * already is not copied.
 */
function canonical(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return canonicalList(value);
  const found = value as Readonly<Record<string, unknown>>;
  const keys = Object.keys(found);
  let isSame = isInOrder(keys);
  if (!isSame) keys.sort();
  const ordered: Record<string, unknown> = {};
  for (const key of keys) {
    // CBOR's decoder renames this one key, so it would not come back.
    if (key === '__proto__')
      throw new SnapcommitError('NAME_INVALID', 'nothing can be named __proto__; choose another name');
    const item = found[key];
    const one = canonical(item);
    isSame &&= one === item;
    ordered[key] = one;
  }
  return isSame ? value : ordered;
}

function canonicalList(items: readonly unknown[]): readonly unknown[] {
  const ordered = items.map(canonical);
  return ordered.every((one, index) => one === items[index]) ? items : ordered;
}

function isInOrder(keys: readonly string[]): boolean {
  for (let i = 1; i < keys.length; i += 1) if ((keys[i - 1] ?? '') >= (keys[i] ?? '')) return false;
  return true;
}
