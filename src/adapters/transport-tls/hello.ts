/**
 * What is said on a connection, besides messages.
 *
 *     caller                      called
 *       hello  ───────────────▶   checks it
 *       checks it  ◀───────────   hello
 *       ready  ───────────────▶
 *
 * Either side may say `refuse` instead, with the reason, and then closes. So a connection counts for both or for neither.
 */
import type { Introduction, RefusalReason } from '../../ports/transport.js';
import { decodeCbor, encodeCbor } from '../../wire/cbor.js';
import { natural, object, oneOf, plain, record, text, type Check } from '../../wire/shape.js';

/** The kinds of frames. */
export const KIND = { hello: 1, ready: 2, refuse: 3, alive: 4, message: 5 } as const;

/** A hello or a refusal is small; before the hello nothing larger is taken. */
export const GREETING_BYTES_MAX = 16 << 10;

/** Of what is said here, the kinds of frames and what the payloads mean. One number: older and newer refuse each other. */
export const PROTOCOL_VERSION = 1;

/** By TLS's own negotiation (ALPN): who speaks something else does not get as far as a hello. */
export const PEER_PROTOCOL = 'snapcommit-peer';

export interface Hello extends Introduction {
  readonly protocol: number;
  readonly cluster: string;
  readonly node: string;
  /** Whom the speaker believes to talk to: finds out swapped addresses. */
  readonly to: string;
}

export interface Refusal {
  readonly reason: RefusalReason;
  readonly message: string;
}

const note: Check<string | number> = (value, where) => (typeof value === 'string' ? value : natural(value, where));

const helloShape = object<Hello>({
  protocol: natural,
  cluster: text,
  node: text,
  to: text,
  incarnation: natural,
  store: text,
  configuration: natural,
  notes: record(note),
});

const REASONS: readonly RefusalReason[] = [
  'certificate',
  'clock',
  'cluster',
  'node',
  'unknown-member',
  'version',
  'protocol',
  'judged',
  'busy',
];

const refusalShape = object<Refusal>({ reason: oneOf(REASONS), message: text });

/** The longest text of a peer that we log. */
const MESSAGE_MAX = 500;

export function encodeHello(hello: Hello): Uint8Array {
  return encodeCbor(hello);
}

/**
 * A hello of our protocol version, or the refusal of another one: what else such a hello holds is not ours to judge.
 * @throws TypeError when it is neither.
 */
export function decodeHello(bytes: Uint8Array): Hello | Refusal {
  const fields = plain(decodeCbor(bytes), 'hello');
  const protocol = natural(fields['protocol'], 'hello.protocol');
  if (protocol === PROTOCOL_VERSION) return helloShape(fields, 'hello');
  const versions = `protocol ${String(protocol)} is spoken there and ${String(PROTOCOL_VERSION)} here`;
  return { reason: 'version', message: `${versions}; run the same release of snapcommit on both nodes` };
}

export function encodeRefusal(refusal: Refusal): Uint8Array {
  return encodeCbor({ reason: refusal.reason, message: refusal.message });
}

/** @throws TypeError when it is none. */
export function decodeRefusal(bytes: Uint8Array): Refusal {
  const { reason, message } = refusalShape(decodeCbor(bytes), 'refusal');
  // It goes to a log: no line breaks, no terminal codes.
  return { reason, message: message.slice(0, MESSAGE_MAX).replace(/[^\x20-\x7e]/g, '?') };
}
