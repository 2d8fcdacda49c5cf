/**
 * CBOR that strangers send. The decoder behind it is made for trusted data: five bytes make it allocate an array of a
 * hundred million places, nesting overflows its stack, 64 KiB of bignum hold the processor for half a second, and tags
 * become dates, errors, cycles. So the bytes are walked first, without building anything, and only the plain
 * part of CBOR passes: integers within 2^53, floats, texts, byte strings, lists and maps with text keys, true, false, null.
 */
// The part without streams and native code: it loads in half the time.
import { Encoder } from 'cbor-x/encode';

const cbor = new Encoder({ useRecords: false, mapsAsObjects: true, variableMapSize: true, tagUint8Array: false });

/** Deeper than anything that we send, and far from the end of the stack. */
const DEPTH_MAX = 32;
const PROTO_KEY = Buffer.from('__proto__');
const ENDED = 'the data ends early';

export function encodeCbor(value: unknown): Uint8Array {
  return cbor.encode(value);
}

/**
 * The value that the bytes say; its shape is for the caller to check (`shape.ts`).
 * @throws TypeError when the bytes are not exactly one item of plain CBOR.
 */
export function decodeCbor(bytes: Uint8Array): unknown {
  checkPlain(bytes);
  try {
    // A view of its own: the decoder keeps what it was given last.
    return cbor.decode(bytes) as unknown;
  } catch (error) {
    throw new TypeError('not CBOR', { cause: error });
  }
}

/**
 * Lists and maps that are open, as the items still to come in each; maps count keys and values. No count can pass the
 * bytes that are left, so what the decoder allocates later is bounded by the size of the data.
 */
function checkPlain(bytes: Uint8Array): void {
  const cursor = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), at: 0 };
  const left: number[] = [1];
  const isMap: boolean[] = [false];
  while (left.length > 0) {
    const depth = left.length - 1;
    const items = left[depth] ?? 0;
    if (items === 0) {
      left.pop();
      isMap.pop();
      continue;
    }
    left[depth] = items - 1;
    const isKey = isMap[depth] === true && items % 2 === 0;
    const opened = checkItem(cursor, isKey);
    if (opened === null) continue;
    if (left.length > DEPTH_MAX) throw new TypeError(`nested deeper than ${String(DEPTH_MAX)}`);
    left.push(opened.items);
    isMap.push(opened.map);
  }
  if (cursor.at !== bytes.length) throw new TypeError('more bytes follow the data');
}

interface Cursor {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  at: number;
}

/** Passes one item's head (and body, where it has one); answers what it opens, if it is a list or a map. */
function checkItem(cursor: Cursor, isKey: boolean): { readonly items: number; readonly map: boolean } | null {
  const head = cursor.bytes[cursor.at];
  if (head === undefined) throw new TypeError(ENDED);
  cursor.at += 1;
  const major = head >> 5;
  if (isKey && major !== 3) throw new TypeError('a key that is not a text');
  if (major === 7) {
    checkSimple(cursor, head & 0x1f);
    return null;
  }
  if (major === 6) throw new TypeError('a tag');
  const argument = readArgument(cursor, head & 0x1f);
  if (major <= 1) return null;
  const remaining = cursor.bytes.length - cursor.at;
  const items = major === 5 ? argument * 2 : argument;
  if (items > remaining) throw new TypeError(ENDED);
  if (major >= 4) return { items, map: major === 5 };
  const start = cursor.at;
  cursor.at += argument;
  // Set as a field it would change the object's prototype; the decoder renames it, so it would not come back either.
  if (isKey && PROTO_KEY.equals(cursor.bytes.subarray(start, cursor.at))) throw new TypeError('a key named __proto__');
  return null;
}

/** The number in or after an item's head: a value, a length or a count. */
function readArgument(cursor: Cursor, info: number): number {
  if (info < 24) return info;
  if (info > 27) throw new TypeError('an item without its length');
  const size = 1 << (info - 24);
  const { at, view } = cursor;
  if (at + size > cursor.bytes.length) throw new TypeError(ENDED);
  cursor.at += size;
  if (size === 1) return view.getUint8(at);
  if (size === 2) return view.getUint16(at);
  if (size === 4) return view.getUint32(at);
  const value = Number(view.getBigUint64(at));
  if (!Number.isSafeInteger(value)) throw new TypeError('an integer beyond 2^53');
  return value;
}

/** false, true, null, and floats of 2, 4 and 8 bytes. */
function checkSimple(cursor: Cursor, info: number): void {
  if (info >= 20 && info <= 22) return;
  if (info < 25 || info > 27) throw new TypeError('a simple value that is not false, true or null');
  cursor.at += 1 << (info - 24);
  if (cursor.at > cursor.bytes.length) throw new TypeError(ENDED);
}
