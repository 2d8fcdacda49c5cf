/**
 * What daemons say to each other beside the log. The log's own messages are CBOR maps; these are lists of a topic and its
 * content, so the first byte tells them apart. What a content may be is its topic's business.
 */
import { decodeCbor, encodeCbor } from '../wire/cbor.js';
import { list, oneOf, type Check } from '../wire/shape.js';

/** `progress`: cluster/progress.ts; `call` and `reply`: participants/. */
const TOPICS = ['progress', 'call', 'reply'] as const;
type Topic = (typeof TOPICS)[number];

export interface Aside {
  readonly topic: Topic;
  /** Not checked yet. */
  readonly content: unknown;
}

const CBOR_LIST = 4;

export function encodeAside(topic: Topic, content: unknown): Uint8Array {
  return encodeCbor([topic, content]);
}

/** Whether a message is the log's business. */
export function isLogs(message: Uint8Array): boolean {
  return (message[0] ?? 0) >> 5 !== CBOR_LIST;
}

/** @throws TypeError when it is none. */
export function decodeAside(message: Uint8Array): Aside {
  const [topic, content, ...more] = list(anything)(decodeCbor(message), 'message');
  if (more.length > 0) throw new TypeError('more than a topic and its content');
  return { topic: oneOf(TOPICS)(topic, 'topic'), content };
}

const anything: Check<unknown> = (value) => value;
