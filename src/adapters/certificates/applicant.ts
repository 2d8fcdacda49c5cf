/** Asks for a certificate, with a token. */
import { X509Certificate } from 'node:crypto';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { SnapcommitError, type ErrorCode } from '../../errors.js';
import type { Clock } from '../../ports/clock.js';
import type { Timers } from '../../ports/timers.js';
import type { PeerAddress } from '../../ports/transport.js';
import { encodeFrame } from '../../wire/frames.js';
import { peerNameIn, type PeerName } from '../../wire/peer-uri.js';
import { readFrame } from './exchange.js';
import { fingerprintOf } from './inspect.js';
import {
  decodeGrant,
  decodeRefusal,
  encodeRequest,
  EXCHANGE_MS,
  JOIN_PROTOCOL,
  KIND,
  type CertificateRequest,
  type Grant,
} from './join-protocol.js';
import type { KeyAndRequest } from './keys.js';
import { parseToken } from './token.js';

/** What a node has when it may take part. */
export interface Membership extends Grant {
  readonly name: PeerName;
  /** PKCS#8, PEM. */
  readonly key: string;
}

export interface Applicant {
  readonly node: string;
  /** For whoever lets this node in. */
  readonly about: Uint8Array;
  /** The same again when it applies again: by its key whoever lets it in knows that it repeats itself. */
  readonly keysOf: (name: PeerName) => Promise<KeyAndRequest>;
}

/**
 * Goes to the addresses of the token one after the other. Nothing secret is said before TLS has shown that the other
 * side holds a certificate of the authority whose fingerprint the token names.
 * @throws SnapcommitError TOKEN_INVALID, TOKEN_EXPIRED, TOKEN_USED, TOKEN_UNKNOWN, DENIED, EXISTS, CERTIFICATE_INVALID;
 *   UNAVAILABLE when none answers; OUTCOME_UNKNOWN when the token may have been used without an answer: then the same
 *   applicant applies again, with the same token.
 */
export async function join(
  tokenText: string,
  { node, about, keysOf }: Applicant,
  clock: Clock,
  timers: Timers,
): Promise<Membership> {
  const { addresses, cluster, secret, fingerprint, expiresAt } = parseToken(tokenText);
  if (clock.now() > expiresAt)
    throw new SnapcommitError(
      'TOKEN_EXPIRED',
      'the join token has expired; make a new one with `snapcommit cluster token`',
    );
  const name = { cluster, node };
  const { key, request } = await keysOf(name);
  const grant = await atOneOf(addresses, async (address) => {
    const authority = await authorityAt(address, fingerprint, timers);
    return ask(address, authority, { ...name, request, about, secret }, timers);
  });
  return { ...grant, name, key };
}

/** What the log says of the token or of this node: it says so everywhere. */
const SAID_BY_ALL: ReadonlySet<ErrorCode> = new Set([
  'TOKEN_UNKNOWN',
  'TOKEN_USED',
  'TOKEN_EXPIRED',
  'DENIED',
  'EXISTS',
  'IN_USE',
  'EXPECTATION_FAILED',
  'NAME_INVALID',
  'USAGE',
]);

/** Where one may have let us in and its answer was lost, the next one says the same. What ails one place ends nothing. */
async function atOneOf(
  addresses: readonly PeerAddress[],
  attempt: (address: PeerAddress) => Promise<Grant>,
): Promise<Grant> {
  const failures: string[] = [];
  let unknown: SnapcommitError | null = null;
  let refusal: SnapcommitError | null = null;
  for (const address of addresses) {
    try {
      return await attempt(address);
    } catch (error) {
      if (!(error instanceof SnapcommitError)) throw error;
      failures.push(`${address.host}:${String(address.port)}: ${error.message}`);
      if (SAID_BY_ALL.has(error.code)) {
        refusal = error;
        break;
      }
      if (error.code === 'OUTCOME_UNKNOWN') unknown = error;
      else if (error.code !== 'UNAVAILABLE') refusal ??= error;
    }
  }
  const told = failures.join('; ');
  if (unknown === null)
    throw refusal ?? new SnapcommitError('UNAVAILABLE', `no member that issues certificates answers (${told})`);
  throw new SnapcommitError(
    'OUTCOME_UNKNOWN',
    `it is not known whether this node was let in (${told}). Join again with the same token: it is good for this node until it expires`,
    {},
    unknown,
  );
}

/** Looks at who answers, says nothing, and takes the authority's certificate only if it is the one we were told of. */
async function authorityAt(address: PeerAddress, fingerprint: string, timers: Timers): Promise<string> {
  const socket = await openTls(address, { ALPNProtocols: [JOIN_PROTOCOL], rejectUnauthorized: false }, timers);
  const shown = socket.getPeerX509Certificate();
  socket.destroy();
  for (let one = shown; one !== undefined; one = one.issuerCertificate)
    if (fingerprintOf(one.raw) === fingerprint) return one.toString();
  throw new SnapcommitError(
    'CERTIFICATE_INVALID',
    `${address.host}:${String(address.port)} does not belong to the cluster of this token (another authority); nothing was told to it`,
  );
}

async function ask(
  address: PeerAddress,
  authority: string,
  wanted: CertificateRequest,
  timers: Timers,
): Promise<Grant> {
  const { cluster } = wanted;
  const socket = await openTls(
    address,
    {
      ALPNProtocols: [JOIN_PROTOCOL],
      ca: [authority],
      // Said, since the environment (NODE_TLS_REJECT_UNAUTHORIZED) decides it otherwise.
      rejectUnauthorized: true,
      checkServerIdentity: (_host, { raw }) => ofCluster(raw, cluster),
    },
    timers,
  );
  const answer = readFrame(socket, timers);
  socket.write(encodeFrame(KIND.request, encodeRequest(wanted)));
  const grant = await readAnswer(answer);
  socket.destroy();
  return grant;
}

async function readAnswer(answer: ReturnType<typeof readFrame>): Promise<Grant> {
  let refusal: SnapcommitError;
  try {
    const { kind, payload } = await answer;
    if (kind === KIND.granted) return decodeGrant(payload);
    refusal = decodeRefusal(payload);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SnapcommitError('OUTCOME_UNKNOWN', `the answer was lost (${reason})`, {}, error);
  }
  throw refusal;
}

function ofCluster(der: Buffer, cluster: string): Error | undefined {
  const name = peerNameIn(new X509Certificate(der).subjectAltName);
  if (name?.cluster === cluster) return undefined;
  return new Error(`its certificate is of cluster ${name === null ? 'nobody' : name.cluster}, not of ${cluster}`);
}

async function openTls({ host, port }: PeerAddress, options: ConnectionOptions, timers: Timers): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, minVersion: 'TLSv1.3', ...options });
    const fail = (error: Error): void => {
      cancel();
      socket.destroy();
      reject(new SnapcommitError('UNAVAILABLE', error.message, {}, error));
    };
    const cancel = timers.after(EXCHANGE_MS, () => {
      fail(new Error(`no answer within ${String(EXCHANGE_MS)} ms`));
    });
    socket.once('error', fail);
    socket.once('secureConnect', () => {
      cancel();
      socket.off('error', fail);
      // Until somebody listens: an error then shows as an end.
      socket.on('error', () => undefined);
      resolve(socket);
    });
  });
}
