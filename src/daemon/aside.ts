/**
 * What daemons say to each other beside the log. The log's own messages are CBOR maps; these are lists of a topic and its
 * content, so the first byte tells them apart. What a content may be is its topic's business.
 */
import { decodeCbor, encodeCbor } from '../wire/cbor.js';
import { oneOf } from '../wire/shape.js';

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

/** null: it is the log's. @throws TypeError when it is nobody's. */
export function decodeAside(message: Uint8Array): Aside | null {
  if ((message[0] ?? 0) >> 5 !== CBOR_LIST) return null;
  const [topic, content, ...more] = decodeCbor(message) as readonly unknown[];
  if (more.length > 0) throw new TypeError('more than a topic and its content');
  return { topic: oneOf(TOPICS)(topic, 'topic'), content };
}
