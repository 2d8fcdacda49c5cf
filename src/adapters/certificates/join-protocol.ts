/** What is said when a node asks for a certificate: one request, one answer, over TLS. */
import { ERROR_CODES, SnapcommitError, type ErrorCode } from '../../errors.js';
import type { PeerAddress } from '../../ports/transport.js';
import { decodeCbor, encodeCbor } from '../../wire/cbor.js';
import { bytes, list, natural, object, oneOf, text } from '../../wire/shape.js';

/** By TLS's own negotiation (ALPN), on the port of the transport. */
export const JOIN_PROTOCOL = 'snapcommit-join';

export const KIND = { request: 1, granted: 2, refused: 3 } as const;
export const EXCHANGE_BYTES_MAX = 256 << 10;
export const EXCHANGE_MS = 10_000;

export interface CertificateRequest {
  readonly cluster: string;
  readonly node: string;
  /** PKCS#10, DER. */
  readonly request: Uint8Array;
  /** What a new node says of itself, for whoever lets it in; opaque here. */
  readonly about: Uint8Array;
  /** The token's. */
  readonly secret: Uint8Array;
}

export interface Member {
  readonly node: string;
  readonly address: PeerAddress;
}

export interface Grant {
  /** PEM: the node's, followed by its authority's. */
  readonly certificate: string;
  /** PEM: whose certificates to believe. */
  readonly authorities: readonly string[];
  readonly members: readonly Member[];
  /** What whoever let it in tells a new node; opaque here. */
  readonly welcome: Uint8Array;
}

const requestShape = object<CertificateRequest>({
  cluster: text,
  node: text,
  request: bytes,
  about: bytes,
  secret: bytes,
});
const member = object<Member>({ node: text, address: object<PeerAddress>({ host: text, port: natural }) });
const grantShape = object<Grant>({ certificate: text, authorities: list(text), members: list(member), welcome: bytes });
const refusalShape = object<{ code: ErrorCode; message: string }>({ code: oneOf(ERROR_CODES), message: text });

export function encodeRequest(request: CertificateRequest): Uint8Array {
  return encodeCbor(request);
}

/** @throws TypeError */
export function decodeRequest(payload: Uint8Array): CertificateRequest {
  return requestShape(decodeCbor(payload), 'request');
}

export function encodeGrant(grant: Grant): Uint8Array {
  return encodeCbor(grant);
}

/** @throws TypeError */
export function decodeGrant(payload: Uint8Array): Grant {
  return grantShape(decodeCbor(payload), 'grant');
}

export function encodeRefusal(error: SnapcommitError): Uint8Array {
  return encodeCbor({ code: error.code, message: error.message });
}

/** @throws TypeError */
export function decodeRefusal(payload: Uint8Array): SnapcommitError {
  const { code, message } = refusalShape(decodeCbor(payload), 'refusal');
  return new SnapcommitError(code, message);
}
