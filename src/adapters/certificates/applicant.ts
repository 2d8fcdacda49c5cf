/** Asks for a certificate: with a token (`join`), or with the certificate that is about to expire (`renew`). */
import { X509Certificate } from 'node:crypto';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { SnapcommitError } from '../../errors.js';
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
  RENEW_PROTOCOL,
  type CertificateRequest,
  type Grant,
} from './join-protocol.js';
import { makeKeyAndRequest } from './keys.js';
import { parseToken } from './token.js';

/** What a node has when it may take part. */
export interface Membership extends Grant {
  readonly name: PeerName;
  /** PKCS#8, PEM. */
  readonly key: string;
}

const NOTHING = new Uint8Array();

interface Trust {
  readonly authorities: readonly string[];
  readonly certificate?: string;
  readonly key?: string;
}

/**
 * Goes to the addresses of the token one after the other. Nothing secret is said before TLS has shown that the other
 * side holds a certificate of the authority whose fingerprint the token names. `about`: for whoever lets this node in.
 * @throws SnapcommitError TOKEN_INVALID, TOKEN_EXPIRED, TOKEN_USED, DENIED, EXISTS, CERTIFICATE_INVALID; UNAVAILABLE when
 *   none answers; OUTCOME_UNKNOWN when the token may have been spent without an answer.
 */
export async function join(
  tokenText: string,
  node: string,
  clock: Clock,
  timers: Timers,
  about: Uint8Array = NOTHING,
): Promise<Membership> {
  const token = parseToken(tokenText);
  if (clock.now() > token.expiresAt)
    throw new SnapcommitError(
      'TOKEN_EXPIRED',
      'the join token has expired; make a new one with `snapcommit cluster token`',
    );
  const { cluster, secret } = token;
  return atOneOf(token.addresses, async (address) => {
    const authority = await authorityAt(address, token.fingerprint, timers);
    return ask(address, JOIN_PROTOCOL, { authorities: [authority] }, { cluster, node }, { about, secret }, timers);
  });
}

/**
 * A new key and certificate for a member, from any member that issues.
 * @throws SnapcommitError as `join` does.
 */
export async function renew(
  current: Pick<Membership, 'name' | 'key' | 'certificate' | 'authorities'>,
  addresses: readonly PeerAddress[],
  timers: Timers,
): Promise<Membership> {
  return atOneOf(addresses, async (address) =>
    ask(address, RENEW_PROTOCOL, current, current.name, { about: NOTHING, secret: null }, timers),
  );
}

async function atOneOf(
  addresses: readonly PeerAddress[],
  attempt: (address: PeerAddress) => Promise<Membership>,
): Promise<Membership> {
  const failures: string[] = [];
  for (const address of addresses) {
    try {
      return await attempt(address);
    } catch (error) {
      if (!(error instanceof SnapcommitError) || error.code !== 'UNAVAILABLE') throw error;
      failures.push(`${address.host}:${String(address.port)}: ${error.message}`);
    }
  }
  throw new SnapcommitError('UNAVAILABLE', `no member that issues certificates answers (${failures.join('; ')})`);
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
  protocol: string,
  trust: Trust,
  name: PeerName,
  said: Pick<CertificateRequest, 'about' | 'secret'>,
  timers: Timers,
): Promise<Membership> {
  const { key, request } = await makeKeyAndRequest(name);
  const own = trust.certificate === undefined ? {} : { cert: trust.certificate, key: trust.key };
  const ca = [...trust.authorities];
  const socket = await openTls(
    address,
    { ALPNProtocols: [protocol], ca, ...own, checkServerIdentity: (_host, { raw }) => ofCluster(raw, name.cluster) },
    timers,
  );
  const answer = readFrame(socket, timers);
  socket.write(encodeFrame(KIND.request, encodeRequest({ ...name, request, ...said })));
  const grant = await readAnswer(answer, said.secret !== null);
  socket.destroy();
  return { ...grant, name, key };
}

async function readAnswer(answer: ReturnType<typeof readFrame>, spendsToken: boolean): Promise<Grant> {
  let refusal: SnapcommitError;
  try {
    const { kind, payload } = await answer;
    if (kind === KIND.granted) return decodeGrant(payload);
    refusal = decodeRefusal(payload);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (!spendsToken) throw new SnapcommitError('UNAVAILABLE', reason, {}, error);
    const message = `the answer was lost (${reason}), and the token may be spent; if trying again says so, make a new one`;
    throw new SnapcommitError('OUTCOME_UNKNOWN', message, {}, error);
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
