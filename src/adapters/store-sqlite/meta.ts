/** The meta row: whose store this is, its durable scalars, and the ends of the hash chain. As bytes and back. */
import { ballot, nodeId, type Ballot, type NodeId } from '../../paxos/ballot.js';
import type { Configuration } from '../../paxos/configuration.js';
import type { Abstention } from '../../paxos/effects.js';
import { slot } from '../../paxos/slot.js';
import type { StoreHead, StoreIdentity } from '../../ports/log-store.js';
import type { PastStart, StoreLife, StoreSeen, StoreSighting } from '../../ports/replica-store.js';
import { crc32 } from './crc32.js';

export interface Meta {
  readonly identity: StoreIdentity;
  readonly head: StoreHead;
  readonly life: StoreLife;
  /** The furthest seen of other nodes' stores. */
  readonly remembered: Readonly<Record<string, StoreSighting>>;
  /** The chain of slot `head.base`, hex. */
  readonly baseChain: string;
  /** The chain of slot `head.checkpoint`, hex: a damaged checkpoint leaves the rows after it provable. */
  readonly checkpointChain: string;
  /** The chain of slot `head.last`, hex. */
  readonly lastChain: string;
}

export function encodeMeta(meta: Meta): { readonly body: string; readonly crc: number } {
  const body = JSON.stringify(meta);
  return { body, crc: metaCrc(body) };
}

export function metaCrc(body: string): number {
  return crc32(Buffer.from(body));
}

/** @throws Error when the body is not what encodeMeta writes; the caller has compared the CRC. */
export function decodeMeta(body: string): Meta {
  const raw = fields(JSON.parse(body));
  const identity = fields(raw['identity']);
  const head = fields(raw['head']);
  const remembered = Object.entries(fields(raw['remembered']));
  return {
    identity: {
      cluster: string(identity, 'cluster'),
      node: string(identity, 'node'),
      incarnation: number(identity, 'incarnation'),
      configuration: configurationOf(identity['configuration']),
      mode: string(identity, 'mode') === 'cluster' ? 'cluster' : 'embedded',
    },
    head: {
      promised: ballotOf(head['promised']),
      accepted: ballotOf(head['accepted']),
      abstains: abstentionOf(head['abstains']),
      decided: slot(number(head, 'decided')),
      applied: slot(number(head, 'applied')),
      base: slot(number(head, 'base')),
      last: slot(number(head, 'last')),
      checkpoint: slot(number(head, 'checkpoint')),
    },
    life: lifeOf(raw['life']),
    remembered: Object.fromEntries(remembered.map(([node, seen]) => [node, sightingOf(seen)])),
    baseChain: string(raw, 'baseChain'),
    checkpointChain: string(raw, 'checkpointChain'),
    lastChain: string(raw, 'lastChain'),
  };
}

export type Fields = Readonly<Record<string, unknown>>;

export function fields(value: unknown): Fields {
  if (typeof value !== 'object' || value === null) throw new TypeError('an object is missing');
  return { ...value };
}

export function string(from: Fields, key: string): string {
  const value = from[key];
  if (typeof value !== 'string') throw new TypeError(`${key} is no string`);
  return value;
}

export function number(from: Fields, key: string): number {
  const value = from[key];
  if (typeof value !== 'number') throw new TypeError(`${key} is no number`);
  return value;
}

export function configurationOf(value: unknown): Configuration {
  const raw = fields(value);
  return {
    id: number(raw, 'id'),
    voters: nodes(raw, 'voters'),
    learners: nodes(raw, 'learners'),
    after: slot(number(raw, 'after')),
  };
}

function nodes(from: Fields, key: string): readonly NodeId[] {
  const value = from[key];
  if (!Array.isArray(value)) throw new TypeError(`${key} is no array`);
  return value.map((node) => nodeId(String(node)));
}

function abstentionOf(value: unknown): Abstention | null {
  if (value === null) return null;
  const raw = fields(value);
  const kind = string(raw, 'kind');
  if (kind === 'forgetful') return { kind, configuration: number(raw, 'configuration') };
  if (kind !== 'damaged') throw new TypeError(`nobody abstains because of ${kind}`);
  return { kind, ballot: ballotOf(raw['ballot']), through: slot(number(raw, 'through')) };
}

function ballotOf(value: unknown): Ballot {
  const raw = fields(value);
  return ballot(number(raw, 'round'), nodeId(string(raw, 'node')));
}

function lifeOf(value: unknown): StoreLife {
  const raw = fields(value);
  const earlier = raw['earlier'];
  if (!Array.isArray(earlier)) throw new TypeError('earlier is no array');
  return { ...seenOf(value), startedAt: number(raw, 'startedAt'), earlier: earlier.map(pastOf) };
}

function seenOf(value: unknown): StoreSeen {
  const raw = fields(value);
  return {
    id: string(raw, 'id'),
    starts: number(raw, 'starts'),
    nonce: string(raw, 'nonce'),
    batches: number(raw, 'batches'),
  };
}

/** Of what was remembered before configurations were, none is known. */
function sightingOf(value: unknown): StoreSighting {
  const { configuration = 0, ...seen } = fields(value);
  return { ...seenOf(seen), configuration: number({ configuration }, 'configuration') };
}

function pastOf(value: unknown): PastStart {
  const raw = fields(value);
  return {
    start: number(raw, 'start'),
    nonce: string(raw, 'nonce'),
    startedAt: number(raw, 'startedAt'),
    batches: number(raw, 'batches'),
  };
}
