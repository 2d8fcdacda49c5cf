/** Messages of hosts (wire-message.ts) as bytes: plain CBOR in the frames of the transport, checked field by field. */
import type { Envelope, Message } from '../paxos/messages.js';
import { decodeCbor, encodeCbor } from '../wire/cbor.js';
import { runsOf } from './wire-entries.js';
import type { StoreWord, WireMessage } from './wire-message.js';
import { wireShape } from './wire-shape.js';

export function encodeWire(message: WireMessage): Uint8Array {
  return encodeCbor(message.type === 'core' ? { ...message, message: packed(message.message) } : message);
}

/** The core's message with its entries as runs (wire-entries.ts). */
function packed(message: Message): unknown {
  if ('entries' in message) return { ...message, entries: runsOf(message.entries) };
  return 'suffix' in message ? { ...message, suffix: runsOf(message.suffix) } : message;
}

type CoreMessage = Extract<WireMessage, { readonly type: 'core' }>;

/**
 * Sends what the core says, `word` being what stands with it. What the core says to several members is one object: then it
 * is encoded for the first of them.
 */
export function coreSender(
  send: (to: string, bytes: Uint8Array) => void,
  word: (message: Message) => StoreWord | null,
): (envelope: Envelope) => void {
  let newest: { readonly said: CoreMessage; readonly bytes: Uint8Array } | null = null;
  return ({ to, configuration, message }) => {
    const said: CoreMessage = { type: 'core', configuration, message, word: word(message) };
    if (newest === null || !isSame(newest.said, said)) newest = { said, bytes: encodeWire(said) };
    send(to, newest.bytes);
  };
}

/** What vouches is never the same again: its word counts the batches (D9). */
function isSame(a: CoreMessage, b: CoreMessage): boolean {
  return a.message === b.message && a.configuration === b.configuration && b.word === null;
}

/** @throws TypeError (RangeError for a ballot) when the bytes are none of our messages. */
export function decodeWire(bytes: Uint8Array): WireMessage {
  return wireShape(decodeCbor(bytes), 'message');
}
