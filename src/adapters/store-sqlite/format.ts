/**
 * The bytes: what a row and the checkpoint hold, and how each is checked. No SQL stands here.
 *
 * A row's chain is sha256(the chain before it || slot || header || bytes) over the exact bytes, so rows cannot be changed,
 * exchanged or left out unseen; its CRC tells which row is damaged. The header is everything of an entry but its bytes,
 * written the same on every replica. The meta row says how many rows there must be and ends the chain, so a lost tail is
 * seen too (D10).
 */
import { hash } from 'node:crypto';
import { ballot as ballotOf, nodeId } from '../../paxos/ballot.js';
import type { LogEntry, Slot } from '../../paxos/contiguous-log.js';
import { crc32 } from './crc32.js';
import { configurationOf } from './meta.js';

/** Raised when an older version could not read what we write. Stands in the file as SQLite's user_version. */
export const FORMAT = 2;
/** SQLite's application_id: "SNAP". */
export const APPLICATION_ID = 0x534e4150;
/** The chain before slot 1. */
export const CHAIN_START: Buffer = Buffer.alloc(32);

export interface StoredRow {
  readonly slot: number;
  readonly header: string;
  readonly bytes: Buffer;
  readonly chain: Buffer;
  readonly crc: number;
}

export interface StoredArchived {
  readonly group_name: string;
  readonly generation: number;
  readonly bytes: Buffer;
  readonly crc: number;
}

export interface StoredCheckpoint {
  readonly slot: number;
  /** The chain of that slot, from which the rows after it go on. */
  readonly chain: Buffer;
  readonly bytes: Buffer;
  readonly crc: number;
}

const INTEGER_BYTES = 8;

function writeInteger(into: Buffer, value: number, offset: number): void {
  into.writeUInt32BE(Math.floor(value / 2 ** 32), offset);
  into.writeUInt32BE(value % 2 ** 32, offset + 4);
}

function integer(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(INTEGER_BYTES);
  writeInteger(bytes, value, 0);
  return bytes;
}

/** A string with its length before it, so that two neighbours cannot be cut differently. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([integer(bytes.length), bytes]);
}

/** The newest header as `text` has it: the rows of a batch mostly have one header. */
let newestText: { readonly header: string; readonly bytes: Buffer } | null = null;

function headerText(header: string): Buffer {
  if (newestText?.header !== header) newestText = { header, bytes: text(header) };
  return newestText.bytes;
}

/** Of the newest entry without a configuration: the entries of a batch mostly have one ballot. */
let newestHeader: { readonly ballot: LogEntry['ballot']; readonly header: string } | null = null;

/** What an entry is beside its bytes. Equal entries have equal headers, whoever writes them. */
export function headerOf({ ballot, next }: LogEntry): string {
  const { round, node } = ballot;
  if (next === null) {
    if (newestHeader?.ballot !== ballot) newestHeader = { ballot, header: JSON.stringify([round, node]) };
    return newestHeader.header;
  }
  const { id, voters, learners, after } = next;
  return JSON.stringify([round, node, { id, voters, learners, after }]);
}

/** @throws TypeError, SyntaxError, RangeError when it is not what headerOf writes. */
function parseHeader(header: string): Pick<LogEntry, 'ballot' | 'next'> {
  const parts: unknown = JSON.parse(header);
  if (!Array.isArray(parts)) throw new TypeError('a row has no header');
  const [round, node, next] = parts as readonly unknown[];
  return {
    ballot: ballotOf(Number(round), nodeId(String(node))),
    next: next === undefined ? null : configurationOf(next),
  };
}

/** Where pieces are laid side by side to be hashed: new memory for each row would cost as much as its hash. */
let table = Buffer.allocUnsafeSlow(16 * 1024);

/** Lays a row's slot and header behind the first `from` bytes, with room for `more` after them; answers where they end. */
function layHead(from: number, at: number, header: string, more: number): number {
  const text = headerText(header);
  const end = from + INTEGER_BYTES + text.length;
  if (table.length < end + more) table = Buffer.allocUnsafeSlow(2 * (end + more));
  writeInteger(table, at, from);
  table.set(text, from + INTEGER_BYTES);
  return end;
}

/** The chain of slot `at`, whose entry has this header and these bytes. */
export function chainAfter(previous: Buffer, at: number, header: string, bytes: Uint8Array): Buffer {
  return chainBehind(previous, layHead(previous.length, at, header, bytes.length), bytes);
}

/** As chainAfter, of a head that lies behind the place for `previous` and ends at `end`. */
function chainBehind(previous: Buffer, end: number, bytes: Uint8Array): Buffer {
  table.set(previous);
  table.set(bytes, end);
  return hash('sha256', table.subarray(0, end + bytes.length), 'buffer');
}

/** The CRC of a row, whose slot and header are `head`. */
function rowCrc(head: Buffer, chain: Buffer, bytes: Uint8Array): number {
  return crc32(bytes, crc32(chain, crc32(head)));
}

/** Whether its CRC is right; 0 is what was written for rows without bytes before they were looked at. */
export function isChecked({ slot: at, header, chain, bytes, crc }: StoredRow): boolean {
  const end = layHead(0, at, header, 0);
  return rowCrc(table.subarray(0, end), chain, bytes) === crc || (bytes.length === 0 && crc === 0);
}

export function rowOf(previous: Buffer, at: Slot, entry: LogEntry): StoredRow {
  const header = headerOf(entry);
  const bytes = Buffer.from(entry.bytes.buffer, entry.bytes.byteOffset, entry.bytes.byteLength);
  const end = layHead(previous.length, at, header, bytes.length);
  const chain = chainBehind(previous, end, bytes);
  return { slot: at, header, bytes, chain, crc: rowCrc(table.subarray(previous.length, end), chain, bytes) };
}

/** Whether `row` stands in its place, whole. Whether it belongs to this history, only the chain says. */
export function isWhole(row: StoredRow | undefined, at: number): row is StoredRow {
  return row?.slot === at && isChecked(row);
}

/** Whether `row` goes on from the chain of the slot before it. */
export function follows(previous: Buffer, row: StoredRow): boolean {
  return chainAfter(previous, row.slot, row.header, row.bytes).equals(row.chain);
}

export function entryOf(row: StoredRow): LogEntry {
  return { ...parseHeader(row.header), bytes: row.bytes };
}

export function checkpointCrc(at: number, chain: Buffer, bytes: Uint8Array): number {
  return crc32(bytes, crc32(Buffer.concat([integer(at), chain])));
}

/** A record of the archive. */
export function isWholeRecord({ group_name: group, generation, bytes, crc }: StoredArchived): boolean {
  return archiveCrc(group, generation, bytes) === crc;
}

export function archiveCrc(group: string, generation: number, bytes: Uint8Array): number {
  return crc32(bytes, crc32(Buffer.concat([text(group), integer(generation)])));
}
