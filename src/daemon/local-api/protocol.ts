/**
 * What the command line and the daemon of one machine say to each other: CBOR in frames, over a socket that only the
 * state directory's owner may open. The daemon speaks first (`Welcome`); then every request is answered once, by its
 * number, in any order.
 *
 * The state and the generations travel as the bytes that the log itself would store, so that one codec checks them.
 */
import { ERROR_CODES, type Details } from '../../errors.js';
import { slotShape } from '../../log/entry-shape.js';
import type { Outcome, Slot, TransactionId } from '../../machine/entry.js';
import type { AppendResult, LogIdentity, LogStatus } from '../../ports/log.js';
import { decodeCbor, encodeCbor } from '../../wire/cbor.js';
import { encodeFrame } from '../../wire/frames.js';
import {
  bytes,
  list,
  literal,
  natural,
  nullable,
  object,
  oneOf,
  plain,
  text,
  variants,
  yesNo,
  type Check,
} from '../../wire/shape.js';
import { callNameShape, type CallName } from '../participants/call-name.js';
import { callShape, phaseToldShape, type Call, type PhaseTold } from '../participants/protocol.js';
import { wireErrorShape, type WireError } from '../wire-error.js';

/** Raised whenever either side would misunderstand the other; the two come from one package, but not from one start. */
export const PROTOCOL_VERSION = 2;

/** A request holds at most one entry. */
export const REQUEST_BYTES_MAX = 8 * 1024 * 1024;
/** An answer may hold the whole state, or every generation of a group. */
export const ANSWER_BYTES_MAX = 512 * 1024 * 1024;

/** The daemon's first message on every connection. */
export interface Welcome {
  readonly type: 'welcome';
  readonly version: number;
  readonly identity: LogIdentity;
  readonly pid: number;
}

export type Request =
  /** `entry`: as the log stores it, with the name by which a repeat of it is known. */
  | { readonly type: 'append'; readonly entry: Uint8Array }
  /** `have`: the slot of the state that the client holds already; null for none. */
  | { readonly type: 'read'; readonly have: Slot | null }
  | { readonly type: 'generation'; readonly group: string; readonly generation: number }
  | { readonly type: 'generations'; readonly group: string }
  /** The same of the state that this node has, without asking a majority. */
  | { readonly type: 'staleRead'; readonly have: Slot | null }
  | { readonly type: 'staleGeneration'; readonly group: string; readonly generation: number }
  | { readonly type: 'staleGenerations'; readonly group: string }
  | { readonly type: 'status' }
  | { readonly type: 'checkpoint' }
  | { readonly type: 'scrub' }
  | { readonly type: 'clusterStatus' }
  | { readonly type: 'issueToken'; readonly lifetimeMs: number; readonly node: string | null }
  | { readonly type: 'addVoter'; readonly node: string }
  | { readonly type: 'removeMember'; readonly node: string; readonly forfeit: boolean }
  | { readonly type: 'replaceMember'; readonly old: string; readonly next: string }
  | { readonly type: 'renewCertificate' }
  /** Of a node's participant, this one's or another's. May take as long as it takes; asked again, it is begun once. */
  | { readonly type: 'ask'; readonly node: string; readonly name: CallName; readonly call: Call }
  | { readonly type: 'tellPhase'; readonly told: PhaseTold };

export interface Numbered {
  /** The connection's own count. */
  readonly id: number;
  readonly request: Request;
}

export type Answer =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly error: WireError };

/** What `read` answers: the state as bytes, or null where the client has it. */
export interface ReadAnswer {
  readonly slot: Slot;
  readonly state: Uint8Array | null;
}

/** Every message is of one kind of frame; what it is, its content says. */
const KIND = 1;

export function encodeMessage(message: Welcome | Numbered | Answer): Uint8Array {
  return encodeCbor(message);
}

export function framed(message: Uint8Array): Uint8Array {
  return encodeFrame(KIND, message);
}

/** @throws TypeError when the bytes are no request. */
export function decodeRequest(message: Uint8Array): Numbered {
  return numbered(decodeCbor(message), 'request');
}

/** @throws TypeError when the bytes are no welcome. */
export function decodeWelcome(message: Uint8Array): Welcome {
  const found = plain(decodeCbor(message), 'welcome');
  // A daemon of another version may say more: what it says of its version must be understood all the same.
  return {
    type: literal('welcome')(found['type'], 'welcome.type'),
    version: natural(found['version'], 'welcome.version'),
    identity: identity(found['identity'], 'welcome.identity'),
    pid: natural(found['pid'], 'welcome.pid'),
  };
}

/** @throws TypeError when the bytes are no answer. */
export function decodeAnswer(message: Uint8Array): Answer {
  const found = plain(decodeCbor(message), 'answer');
  const id = natural(found['id'], 'answer.id');
  if (found['ok'] === true) return { id, ok: true, value: found['value'] };
  return { id, ok: false, error: wireErrorShape(found['error'], 'answer.error') };
}

const identity = object<LogIdentity>({ cluster: text, node: text, incarnation: natural });

const request = variants<Request>({
  append: object({ type: literal('append'), entry: bytes }),
  read: object({ type: literal('read'), have: nullable(slotShape) }),
  generation: object({ type: literal('generation'), group: text, generation: natural }),
  generations: object({ type: literal('generations'), group: text }),
  staleRead: object({ type: literal('staleRead'), have: nullable(slotShape) }),
  staleGeneration: object({ type: literal('staleGeneration'), group: text, generation: natural }),
  staleGenerations: object({ type: literal('staleGenerations'), group: text }),
  status: object({ type: literal('status') }),
  checkpoint: object({ type: literal('checkpoint') }),
  scrub: object({ type: literal('scrub') }),
  clusterStatus: object({ type: literal('clusterStatus') }),
  issueToken: object({ type: literal('issueToken'), lifetimeMs: natural, node: nullable(text) }),
  addVoter: object({ type: literal('addVoter'), node: text }),
  removeMember: object({ type: literal('removeMember'), node: text, forfeit: yesNo }),
  replaceMember: object({ type: literal('replaceMember'), old: text, next: text }),
  renewCertificate: object({ type: literal('renewCertificate') }),
  ask: object({ type: literal('ask'), node: text, name: callNameShape, call: callShape }),
  tellPhase: object({ type: literal('tellPhase'), told: phaseToldShape }),
});

const numbered = object<Numbered>({ id: natural, request });

const details: Check<Details> = (value, where) => plain(value, where) as Details;

const done: Check<true> = (value, where) => {
  if (value === true) return true;
  throw new TypeError(`${where} is not true`);
};
const notDone: Check<false> = (value, where) => {
  if (value === false) return false;
  throw new TypeError(`${where} is not false`);
};
const transaction: Check<TransactionId> = (value, where) => text(value, where) as TransactionId;
const accepted = object<Extract<Outcome, { ok: true }>>({
  ok: done,
  generation: nullable(natural),
  transaction: nullable(transaction),
});
const refused = object<Extract<Outcome, { ok: false }>>({
  ok: notDone,
  code: oneOf(ERROR_CODES),
  message: text,
  details,
});
const outcome: Check<Outcome> = (value, where) =>
  plain(value, where)['ok'] === true ? accepted(value, where) : refused(value, where);

export const appendResult: Check<AppendResult> = (value, where) => {
  const found = plain(value, where);
  const status = oneOf<AppendResult['status']>(['chosen', 'notDone', 'unknown'])(found['status'], `${where}.status`);
  if (status !== 'chosen') return { status, reason: text(found['reason'], `${where}.reason`) };
  const slot = slotShape(found['slot'], `${where}.slot`);
  return { status, slot, outcome: outcome(found['outcome'], `${where}.outcome`) };
};

export const readAnswer = object<ReadAnswer>({ slot: slotShape, state: nullable(bytes) });
export const blobs = list(bytes);
export const logStatus = object<LogStatus>({
  engine: oneOf<LogStatus['engine']>(['paxos', 'etcd']),
  lastSlot: slotShape,
  checkpointSlot: slotShape,
});
