/**
 * CRC-32 as zlib has it. A short command looks at a few kilobytes, and loading node:zlib, with the streams that it brings,
 * takes as long as a tenth of starting Node: so the first bytes of a process are looked at in script, and everything after
 * them by zlib, which is faster.
 */
import { crc32 as zlibCrc32 } from 'node:zlib';

/** How much is looked at in script: at most about what takes as long as loading zlib. */
const SCRIPT_BYTES_MAX = 16 * 1024;
/** zlib's polynomial, its lowest bit first. */
const POLYNOMIAL = 0xedb88320;

const remainders = new Int32Array(256);
for (let value = 0; value < remainders.length; value += 1) {
  let remainder = value;
  for (let bit = 0; bit < 8; bit += 1) remainder = (remainder >>> 1) ^ (POLYNOMIAL & -(remainder & 1));
  remainders[value] = remainder;
}

let seenInScript = 0;

/** The CRC of what has the CRC `before`, and of `bytes` behind it. */
export function crc32(bytes: Uint8Array, before = 0): number {
  seenInScript += bytes.length;
  if (seenInScript <= SCRIPT_BYTES_MAX) return crc32InScript(bytes, before);
  // zlib is loaded by now, so what is short goes there from now on, too.
  seenInScript = SCRIPT_BYTES_MAX + 1;
  // Of no bytes zlib says 0 or `before`, as they happen to have an address or none.
  return bytes.length === 0 ? before : zlibCrc32(bytes, before);
}

/** The same, all of it in script. */
export function crc32InScript(bytes: Uint8Array, before: number): number {
  let crc = ~before;
  // Until this is compiled, asking for a length is slower than all else in the loop, and an iterator slower still.
  const { length } = bytes;
  const table = remainders;
  for (let at = 0; at < length; at += 1) crc = (crc >>> 8) ^ (table[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0);
  return ~crc >>> 0;
}
