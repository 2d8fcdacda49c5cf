/**
 * Gives certificates to new nodes that show a token. Everything is checked before the token is spent, and the token is
 * spent before anything is signed. Members renew theirs by themselves: each has the authority.
 */
import type { TLSSocket } from 'node:tls';
import { SnapcommitError } from '../../errors.js';
import type { Clock } from '../../ports/clock.js';
import type { Timers } from '../../ports/timers.js';
import type { TokenLedger } from '../../ports/token-ledger.js';
import { isPeerName } from '../../wire/peer-uri.js';
import { issue, requestedKey, type Authority } from './authority.js';
import { endWith, readFrame } from './exchange.js';
import { keyFingerprint } from './keys.js';
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
  const { ledger } = options;
  return serve(options, async ({ request, secret, node, about }) => {
    const key = await keyFingerprint(await requestedKey(request));
    const joiner = { node, key, about };
    const hash = hashSecret(secret);
    await ledger.check(hash, joiner);
    const members = await options.members();
    await ledger.consume(hash, joiner);
    try {
      return await grantTo(options, { node, request }, members);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new SnapcommitError(
        'OUTCOME_UNKNOWN',
        `the token was used, and no certificate was made: ${reason}`,
        {},
        error,
      );
    }
  });
}

async function grantTo(
  options: IssuerOptions,
  { node, request }: Pick<CertificateRequest, 'node' | 'request'>,
  members: readonly Member[],
): Promise<Grant> {
  const { cluster, authority, clock, validDays } = options;
  const wish = { name: { cluster, node }, request, now: clock.now() };
  const certificate = await issue(authority, validDays === undefined ? wish : { ...wish, validDays });
  return {
    certificate,
    authorities: options.trustedAuthorities(),
    // One that repeats itself is among them already.
    members: members.filter((one) => one.node !== node),
    welcome: (await options.welcome?.(node)) ?? NOTHING,
  };
}

const NOTHING = new Uint8Array();

function serve(
  options: IssuerOptions,
  answer: (request: CertificateRequest) => Promise<Grant>,
): (socket: TLSSocket) => void {
  return (socket) => {
    const address = socket.remoteAddress ?? 'unknown address';
    let node: string | null = null;
    const work = async (): Promise<void> => {
      const frame = await readFrame(socket, options.timers);
      const request = readRequest(options, frame.kind, frame.payload);
      node = request.node;
      const granted = await answer(request);
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
    if (!isPeerName(request.cluster)) throw new TypeError('request.cluster is not a name');
    if (request.cluster !== cluster) throw denied(`the token is of cluster ${request.cluster}, this is ${cluster}`);
    if (isPeerName(request.node)) return request;
    throw new TypeError('request.node is not a name');
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw denied(`the request cannot be read: ${error.message}`);
  }
}

function denied(message: string): SnapcommitError {
  return new SnapcommitError('DENIED', message);
}
