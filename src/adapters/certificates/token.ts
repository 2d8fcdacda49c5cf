/**
 * Join tokens: what a new node needs to find the cluster, to know that it is the right one, and to be let in once.
 *
 * The text holds the secret, so it belongs into a file or standard input, never into an argument that `ps` shows. The
 * issuer keeps only the secret's hash.
 */
import { createHash, randomBytes } from 'node:crypto';
import { SnapcommitError } from '../../errors.js';
import type { PeerAddress } from '../../ports/transport.js';
import type { TokenRecord } from '../../ports/token-ledger.js';
import { decodeCbor, encodeCbor } from '../../wire/cbor.js';
import { isPeerName } from '../../wire/peer-uri.js';
import { bytes, list, natural, object, text } from '../../wire/shape.js';

const PREFIX = 'snapcommit-join-1.';
const SECRET_BYTES = 32;
const CHECKSUM_BYTES = 4;
/** Longer is not a token, whatever it is. */
const TEXT_MAX = 8192;
const DEFAULT_LIFE_MS = 60 * 60_000;

export interface JoinToken {
  readonly cluster: string;
  /** Where the issuer, and perhaps other members, can be reached. */
  readonly addresses: readonly PeerAddress[];
  /** SHA-256 of the authority's certificate, hex: how the joiner knows whom it talks to. */
  readonly fingerprint: string;
  /** ms since the epoch, on the issuer's clock. */
  readonly expiresAt: number;
  readonly secret: Uint8Array;
}

const tokenShape = object<JoinToken>({
  cluster: text,
  addresses: list(object<PeerAddress>({ host: text, port: natural })),
  fingerprint: text,
  expiresAt: natural,
  secret: bytes,
});

export interface TokenWish {
  readonly cluster: string;
  readonly addresses: readonly PeerAddress[];
  readonly fingerprint: string;
  /** The only node that may use it; null: any new one. */
  readonly node: string | null;
  /** ms since the epoch */
  readonly now: number;
  readonly lifeMs?: number;
}

/** A new token's text, and the record that its issuer's ledger must hold before the text is given away. */
export function makeToken(wish: TokenWish): { readonly text: string; readonly record: TokenRecord } {
  const { cluster, addresses, fingerprint, node } = wish;
  const secret = randomBytes(SECRET_BYTES);
  const expiresAt = wish.now + (wish.lifeMs ?? DEFAULT_LIFE_MS);
  const body = Buffer.from(encodeCbor({ cluster, addresses, fingerprint, expiresAt, secret }));
  const whole = Buffer.concat([checksum(body), body]);
  return { text: PREFIX + whole.toString('base64url'), record: { hash: hashSecret(secret), expiresAt, node } };
}

/** @throws SnapcommitError TOKEN_INVALID; the message holds nothing of the text. */
export function parseToken(tokenText: string): JoinToken {
  const trimmed = tokenText.trim();
  if (!trimmed.startsWith(PREFIX) || trimmed.length > TEXT_MAX)
    throw invalid(`it does not begin with ${PREFIX}, or is too long`);
  const whole = Buffer.from(trimmed.slice(PREFIX.length), 'base64url');
  const body = whole.subarray(CHECKSUM_BYTES);
  if (body.length === 0 || !checksum(body).equals(whole.subarray(0, CHECKSUM_BYTES)))
    throw invalid('it is not complete, or was changed on its way');
  try {
    const token = tokenShape(decodeCbor(body), 'token');
    if (!isPeerName(token.cluster)) throw new TypeError('token.cluster is not a name');
    if (token.addresses.length === 0) throw new TypeError('token.addresses is empty');
    if (token.addresses.some(({ port }) => port === 0 || port > 65_535))
      throw new TypeError('token.addresses has no port');
    if (!/^[0-9a-f]{64}$/.test(token.fingerprint)) throw new TypeError('token.fingerprint is not one');
    if (token.secret.length !== SECRET_BYTES) throw new TypeError('token.secret has another length');
    return token;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw invalid(error.message);
  }
}

/** SHA-256 (hex). The secret is 32 random bytes, so a slow hash would protect nothing. */
export function hashSecret(secret: Uint8Array): string {
  return createHash('sha256').update('snapcommit join token').update(secret).digest('hex');
}

/** Tells a cut or mistyped token from a refused one; no protection against anybody. */
function checksum(body: Uint8Array): Buffer {
  return createHash('sha256').update(body).digest().subarray(0, CHECKSUM_BYTES);
}

function invalid(why: string): SnapcommitError {
  const advice = 'copy the whole text that `snapcommit cluster token` printed, or make a new one';
  return new SnapcommitError('TOKEN_INVALID', `this is no join token: ${why}; ${advice}`);
}
