/** The shapes of what hosts say to each other. Follows paxos/messages.ts and wire.ts field by field. */
import { ballot, nodeId, type Ballot, type NodeId } from '../paxos/ballot.js';
import type { Configuration } from '../paxos/configuration.js';
import type { Message, Presence, Standing } from '../paxos/messages.js';
import type { PastStart, StoreLife, StoreSighting } from '../ports/replica-store.js';
import {
  bytes,
  list,
  literal,
  natural,
  nullable,
  object,
  oneOf,
  plain,
  record,
  text,
  variants,
  yesNo,
  type Check,
} from '../wire/shape.js';
import { slotShape } from './entry-shape.js';
import { entriesShape } from './wire-entries.js';
import type { StoreWord, WireMessage } from './wire-message.js';

/** No name of a node, a store or a digest is longer. */
const NAME_MAX = 128;
/** More members than any configuration has. */
const MEMBERS_MAX = 64;

const name: Check<string> = (value, where) => {
  const found = text(value, where);
  if (found.length > NAME_MAX) throw new TypeError(`${where} is longer than ${String(NAME_MAX)} characters`);
  return found;
};
const node: Check<NodeId> = (value, where) => nodeId(name(value, where));
const nodes: Check<readonly NodeId[]> = (value, where) => {
  const found = list(node)(value, where);
  if (found.length > MEMBERS_MAX) throw new TypeError(`${where} has more than ${String(MEMBERS_MAX)} names`);
  return found;
};
const ballotShape: Check<Ballot> = (value, where) => {
  const found = plain(value, where);
  return ballot(natural(found['round'], where), node(found['node'], where));
};
export const configurationShape: Check<Configuration> = object<Configuration>({
  id: natural,
  voters: nodes,
  learners: nodes,
  after: slotShape,
});
const entries = entriesShape(node, configurationShape);
const standing: Check<Standing> = oneOf<Standing>(['voting', 'damaged', 'forgetful']);
const presence: Check<Presence> = oneOf<Presence>(['voting', 'damaged', 'forgetful', 'stalled']);

type Fields<T extends Message['type']> = Extract<Message, { readonly type: T }>;

const message: Check<Message> = variants<Message>({
  prepare: object<Fields<'prepare'>>({
    type: literal('prepare'),
    ballot: ballotShape,
    accepted: ballotShape,
    decided: slotShape,
    last: slotShape,
  }),
  promise: object<Fields<'promise'>>({
    type: literal('promise'),
    ballot: ballotShape,
    accepted: ballotShape,
    decided: slotShape,
    last: slotShape,
    after: slotShape,
    suffix: entries,
    standing,
  }),
  acceptSync: object<Fields<'acceptSync'>>({
    type: literal('acceptSync'),
    ballot: ballotShape,
    after: slotShape,
    entries,
    decided: slotShape,
  }),
  accept: object<Fields<'accept'>>({
    type: literal('accept'),
    ballot: ballotShape,
    after: slotShape,
    entries,
    decided: slotShape,
  }),
  accepted: object<Fields<'accepted'>>({ type: literal('accepted'), ballot: ballotShape, last: slotShape }),
  decide: object<Fields<'decide'>>({ type: literal('decide'), ballot: ballotShape, decided: slotShape }),
  nack: object<Fields<'nack'>>({ type: literal('nack'), ballot: ballotShape, promised: ballotShape }),
  compacted: object<Fields<'compacted'>>({ type: literal('compacted'), ballot: ballotShape, base: slotShape }),
  confirm: object<Fields<'confirm'>>({ type: literal('confirm'), ballot: ballotShape, round: natural }),
  confirmed: object<Fields<'confirmed'>>({ type: literal('confirmed'), ballot: ballotShape, round: natural }),
  heartbeat: object<Fields<'heartbeat'>>({ type: literal('heartbeat'), round: natural }),
  heartbeatReply: object<Fields<'heartbeatReply'>>({
    type: literal('heartbeatReply'),
    round: natural,
    ballot: ballotShape,
    happy: yesNo,
    standing: presence,
    decided: slotShape,
  }),
  fetch: object<Fields<'fetch'>>({ type: literal('fetch'), after: slotShape }),
  learn: object<Fields<'learn'>>({ type: literal('learn'), after: slotShape, entries, decided: slotShape }),
  handover: object<Fields<'handover'>>({ type: literal('handover') }),
});

const sighting: Check<StoreSighting> = object<StoreSighting>({
  id: name,
  starts: natural,
  nonce: name,
  batches: natural,
  configuration: natural,
});
const word: Check<StoreWord> = object<StoreWord>({ nonce: name, batches: natural });
const life: Check<StoreLife> = object<StoreLife>({
  id: name,
  starts: natural,
  nonce: name,
  batches: natural,
  startedAt: natural,
  earlier: list(object<PastStart>({ start: natural, nonce: name, startedAt: natural, batches: natural })),
});

type Said<T extends WireMessage['type']> = Extract<WireMessage, { readonly type: T }>;

export const wireShape: Check<WireMessage> = variants<WireMessage>({
  core: object<Said<'core'>>({
    type: literal('core'),
    configuration: natural,
    message,
    word: nullable(word),
  }),
  greeting: object<Said<'greeting'>>({
    type: literal('greeting'),
    life,
    configuration: natural,
    forgetfulThrough: natural,
    answer: yesNo,
  }),
  verdict: object<Said<'verdict'>>({
    type: literal('verdict'),
    nonce: name,
    verdict: oneOf(['known', 'new', 'wiped', 'rolledBack', 'cloned']),
    configuration: natural,
  }),
  lives: object<Said<'lives'>>({ type: literal('lives'), lives: record(sighting) }),
  forward: object<Said<'forward'>>({
    type: literal('forward'),
    ballot: ballotShape,
    number: natural,
    entries: list(bytes),
  }),
  refused: object<Said<'refused'>>({
    type: literal('refused'),
    ballot: ballotShape,
    number: natural,
    indices: list(natural),
    reason: text,
  }),
  readIndex: object<Said<'readIndex'>>({ type: literal('readIndex'), id: natural }),
  readAt: object<Said<'readAt'>>({ type: literal('readAt'), id: natural, slot: nullable(slotShape) }),
  pull: object<Said<'pull'>>({ type: literal('pull'), transfer: natural, index: natural }),
  chunk: object<Said<'chunk'>>({
    type: literal('chunk'),
    transfer: natural,
    index: natural,
    slot: slotShape,
    sha256: bytes,
    bytes,
    last: yesNo,
  }),
  gone: object<Said<'gone'>>({ type: literal('gone'), transfer: natural }),
  reconfigure: object<Said<'reconfigure'>>({
    type: literal('reconfigure'),
    id: natural,
    base: natural,
    voters: nodes,
    learners: nodes,
  }),
  reconfigureRefused: object<Said<'reconfigureRefused'>>({
    type: literal('reconfigureRefused'),
    id: natural,
    reason: oneOf(['notLeading', 'stale', 'busy', 'invalid', 'behind']),
  }),
  transfer: object<Said<'transfer'>>({ type: literal('transfer') }),
});
