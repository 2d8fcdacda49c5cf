/**
 * The bytes: what a row, the meta row and the checkpoint hold, and how each is checked. No SQL stands here.
 *
 * A row's chain is sha256(the chain before it || slot || round || node || bytes) over the exact bytes, so rows cannot be
 * changed, exchanged or left out unseen; its CRC tells which row is damaged. The meta row says how many rows there must
 * be and ends the chain, so a lost tail is seen too (D10).
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { ballot, nodeId, type Ballot, type NodeId } from '../../paxos/ballot.js';
import { slot, type LogEntry, type Slot } from '../../paxos/contiguous-log.js';
import type { StoreHead, StoreIdentity } from '../../ports/log-store.js';

/** Raised when an older version could not read what we write. Stands in the file as SQLite's user_version. */
export const FORMAT = 1;
/** SQLite's application_id: "SNAP". */
export const APPLICATION_ID = 0x534e4150;
/** The chain before slot 1. */
export const CHAIN_START: Buffer = Buffer.alloc(32);

export interface Meta {
  readonly identity: StoreIdentity;
  readonly head: StoreHead;
  /** The chain of slot `head.base`, hex. */
  readonly baseChain: string;
  /** The chain of slot `head.last`, hex. */
  readonly lastChain: string;
}

export interface StoredRow {
  readonly slot: number;
  readonly round: number;
  readonly node: string;
  readonly bytes: Buffer;
  readonly chain: Buffer;
  readonly crc: number;
}

export interface StoredCheckpoint {
  readonly slot: number;
  /** The chain of that slot, from which the rows after it go on. */
  readonly chain: Buffer;
  readonly bytes: Buffer;
  readonly crc: number;
}

function integer(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** A string with its length before it, so that two neighbours cannot be cut differently. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([integer(bytes.length), bytes]);
}

export function chainAfter(previous: Buffer, at: Slot, entry: LogEntry): Buffer {
  const hash = createHash('sha256').update(previous).update(integer(at)).update(integer(entry.ballot.round));
  return hash.update(text(entry.ballot.node)).update(entry.bytes).digest();
}

export function rowCrc(row: Omit<StoredRow, 'crc'>): number {
  return crc32(row.bytes, crc32(Buffer.concat([integer(row.slot), integer(row.round), text(row.node), row.chain])));
}

export function rowOf(previous: Buffer, at: Slot, entry: LogEntry): StoredRow {
  const chain = chainAfter(previous, at, entry);
  const row = { slot: at, round: entry.ballot.round, node: entry.ballot.node, bytes: Buffer.from(entry.bytes), chain };
  return { ...row, crc: rowCrc(row) };
}

export function entryOf(row: StoredRow): LogEntry {
  return { ballot: ballot(row.round, nodeId(row.node)), bytes: row.bytes, next: null };
}

export function checkpointCrc(at: number, chain: Buffer, bytes: Uint8Array): number {
  return crc32(bytes, crc32(Buffer.concat([integer(at), chain])));
}

export function archiveCrc(group: string, generation: number, bytes: Uint8Array): number {
  return crc32(bytes, crc32(Buffer.concat([text(group), integer(generation)])));
}

export function encodeMeta(meta: Meta): { readonly body: string; readonly crc: number } {
  const body = JSON.stringify(meta);
  return { body, crc: metaCrc(body) };
}

export function metaCrc(body: string): number {
  return crc32(body);
}

/** @throws Error when the body is not what encodeMeta writes; the caller has compared the CRC. */
export function decodeMeta(body: string): Meta {
  const raw = fields(JSON.parse(body));
  const identity = fields(raw['identity']);
  const configuration = fields(identity['configuration']);
  const head = fields(raw['head']);
  return {
    identity: {
      cluster: string(identity, 'cluster'),
      node: string(identity, 'node'),
      incarnation: number(identity, 'incarnation'),
      // Stores of version 0.1.0 know neither learners nor a stop-sign.
      configuration: {
        id: number(configuration, 'id'),
        voters: nodes(configuration, 'voters'),
        learners: configuration['learners'] === undefined ? [] : nodes(configuration, 'learners'),
        after: slot(configuration['after'] === undefined ? 0 : number(configuration, 'after')),
      },
    },
    head: {
      promised: ballotOf(head['promised']),
      accepted: ballotOf(head['accepted']),
      decided: slot(number(head, 'decided')),
      applied: slot(number(head, 'applied')),
      base: slot(number(head, 'base')),
      last: slot(number(head, 'last')),
      checkpoint: slot(number(head, 'checkpoint')),
    },
    baseChain: string(raw, 'baseChain'),
    lastChain: string(raw, 'lastChain'),
  };
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw new TypeError('an object is missing');
  return { ...value };
}

function string(from: Readonly<Record<string, unknown>>, key: string): string {
  const value = from[key];
  if (typeof value !== 'string') throw new TypeError(`${key} is no string`);
  return value;
}

function number(from: Readonly<Record<string, unknown>>, key: string): number {
  const value = from[key];
  if (typeof value !== 'number') throw new TypeError(`${key} is no number`);
  return value;
}

function nodes(from: Readonly<Record<string, unknown>>, key: string): readonly NodeId[] {
  const value = from[key];
  if (!Array.isArray(value)) throw new TypeError(`${key} is no array`);
  return value.map((node) => nodeId(String(node)));
}

function ballotOf(value: unknown): Ballot {
  const raw = fields(value);
  return ballot(number(raw, 'round'), nodeId(string(raw, 'node')));
}
