/**
 * Gives certificates: to new nodes that show a token, and to members that show a certificate which is still valid. Everything
 * is checked before the token is spent, and the token is spent before anything is signed.
 */
import type { TLSSocket } from 'node:tls';
import { SnapcommitError } from '../../errors.js';
import type { Clock } from '../../ports/clock.js';
import type { Timers } from '../../ports/timers.js';
import type { TokenLedger } from '../../ports/token-ledger.js';
import { isPeerName, peerNameIn } from '../../wire/peer-uri.js';
import { issue, requestedKey, type Authority } from './authority.js';
import { endWith, readFrame } from './exchange.js';
import {
  decodeRequest,
  encodeGrant,
  encodeRefusal,
  KIND,
  type CertificateRequest,
  type Grant,
  type Member,
} from './join-protocol.js';
import { hashSecret } from './token.js';

export interface IssuerOptions {
  readonly cluster: string;
  readonly authority: Authority;
  readonly ledger: TokenLedger;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly validDays?: number;
  /** PEM; more than one while the authority is changed. */
  trustedAuthorities(): readonly string[];
  members(): Promise<readonly Member[]>;
  /** What a new node is told besides, once it is let in. */
  welcome?(node: string): Promise<Uint8Array>;
  /** One line for the log: who got what, or why not. Holds no secret. */
  onDecision(line: { readonly address: string; readonly node: string | null; readonly refusal: string | null }): void;
}

/** The handler of JOIN_PROTOCOL. */
export function joinService(options: IssuerOptions): (socket: TLSSocket) => void {
  return serve(options, async (request) => {
    const { hash, members } = await checkToken(options, request);
    await requestedKey(request.request);
    const { node, about } = request;
    if (!(await options.ledger.consume(hash, { node, about }))) throw used();
    return grant(options, request, members, (await options.welcome?.(node)) ?? NOTHING);
  });
}

/** The handler of RENEW_PROTOCOL: the new certificate names whom the shown one names. */
export function renewService(options: IssuerOptions): (socket: TLSSocket) => void {
  return serve(options, async (request, socket) => {
    const name = socket.authorized ? peerNameIn(socket.getPeerX509Certificate()?.subjectAltName) : null;
    if (name?.cluster !== options.cluster || name.node !== request.node)
      throw denied(
        `only a node of cluster ${options.cluster} with a valid certificate can renew it; join with a new token`,
      );
    const members = await options.members();
    if (!members.some(({ node }) => node === name.node))
      throw denied(`${name.node} is not a member of ${options.cluster}`);
    return grant(options, request, members, NOTHING);
  });
}

const NOTHING = new Uint8Array();

function serve(
  options: IssuerOptions,
  answer: (request: CertificateRequest, socket: TLSSocket) => Promise<Grant>,
): (socket: TLSSocket) => void {
  return (socket) => {
    const address = socket.remoteAddress ?? 'unknown address';
    let node: string | null = null;
    const work = async (): Promise<void> => {
      const frame = await readFrame(socket, options.timers);
      const request = readRequest(options, frame.kind, frame.payload);
      node = request.node;
      const granted = await answer(request, socket);
      endWith(socket, options.timers, KIND.granted, encodeGrant(granted));
    };
    work().then(
      () => {
        options.onDecision({ address, node, refusal: null });
      },
      (error: unknown) => {
        const told = error instanceof SnapcommitError ? error : new SnapcommitError('UNAVAILABLE', String(error));
        options.onDecision({ address, node, refusal: told.message });
        if (!socket.destroyed) endWith(socket, options.timers, KIND.refused, encodeRefusal(told));
      },
    );
  };
}

function readRequest({ cluster }: IssuerOptions, kind: number, payload: Uint8Array): CertificateRequest {
  try {
    if (kind !== KIND.request) throw new TypeError('not a request');
    const request = decodeRequest(payload);
    if (request.cluster !== cluster)
      throw denied(`the token is of cluster ${JSON.stringify(request.cluster)}, this is ${cluster}`);
    if (isPeerName(request.node)) return request;
    throw new TypeError('request.node is not a name');
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw denied(`the request cannot be read: ${error.message}`);
  }
}

async function checkToken(
  options: IssuerOptions,
  { secret, node }: CertificateRequest,
): Promise<{ readonly hash: string; readonly members: readonly Member[] }> {
  if (secret === null) throw denied('a join token is needed; `snapcommit cluster token` on a member makes one');
  const hash = hashSecret(secret);
  const token = await options.ledger.find(hash);
  if (token === null) throw denied('this token was not issued here; make a new one with `snapcommit cluster token`');
  if (token.used) throw used();
  if (options.clock.now() > token.expiresAt)
    throw new SnapcommitError(
      'TOKEN_EXPIRED',
      'the join token has expired; make a new one with `snapcommit cluster token`',
    );
  if (token.node !== null && token.node !== node) throw denied(`the token is for node ${token.node}, not for ${node}`);
  const present = await options.members();
  // Whoever made the token for this very name has said that this node may have it.
  if (token.node !== node && present.some((member) => member.node === node))
    throw new SnapcommitError(
      'EXISTS',
      `the cluster has a member called ${node}; choose another name, or remove that one first`,
    );
  return { hash, members: present };
}

async function grant(
  options: IssuerOptions,
  { node, request }: CertificateRequest,
  members: readonly Member[],
  welcome: Uint8Array,
): Promise<Grant> {
  const { cluster, authority, clock, validDays } = options;
  const wish = { name: { cluster, node }, request, now: clock.now() };
  const certificate = await issue(authority, validDays === undefined ? wish : { ...wish, validDays });
  return { certificate, authorities: options.trustedAuthorities(), members, welcome };
}

function used(): SnapcommitError {
  const message = 'the join token was used before, and each works once; make a new one with `snapcommit cluster token`';
  return new SnapcommitError('TOKEN_USED', message);
}

function denied(message: string): SnapcommitError {
  return new SnapcommitError('DENIED', message);
}
