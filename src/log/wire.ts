/** Messages of hosts (wire-message.ts) as bytes: plain CBOR in the frames of the transport, checked field by field. */
import { decodeCbor, encodeCbor } from '../wire/cbor.js';
import type { WireMessage } from './wire-message.js';
import { wireShape } from './wire-shape.js';

export function encodeWire(message: WireMessage): Uint8Array {
  return encodeCbor(message);
}

/** @throws TypeError (RangeError for a ballot) when the bytes are none of our messages. */
export function decodeWire(bytes: Uint8Array): WireMessage {
  return wireShape(decodeCbor(bytes), 'message');
}
