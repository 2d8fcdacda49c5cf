/** Nodes with certificates and transports on the loopback, for tests. */
import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import { issue, makeAuthority, makeKeyAndRequest, type Authority } from '#src/adapters/certificates/index.js';
import {
  listenTls,
  type Credentials,
  type TlsTransport,
  type TransportLimits,
} from '#src/adapters/transport-tls/index.js';
import { systemClock } from '#src/adapters/clock-system.js';
import { systemTimers } from '#src/adapters/timers-system.js';
import type { Clock } from '#src/ports/clock.js';
import type { Timers } from '#src/ports/timers.js';
import type { Introduction, PeerAddress, TransportEvent, TransportUser } from '#src/ports/transport.js';
import type { Services } from '#src/adapters/transport-tls/listener.js';
import { until } from './until.js';

export const CLUSTER = 'c1';
const DAY_MS = 86_400_000;
export const random = { bytes: (count: number): Uint8Array => randomBytes(count) };

let shared: Promise<Authority> | null = null;
/** The authority of most tests. */
export function authority(): Promise<Authority> {
  return (shared ??= makeAuthority(CLUSTER, Date.now()));
}

export interface CredentialsWish {
  readonly cluster?: string;
  readonly authority?: Authority;
  /** Whom to believe, if not the issuer. */
  readonly believes?: readonly Authority[];
  /** How long ago it was made. */
  readonly ageDays?: number;
  readonly validDays?: number;
}

export async function credentialsOf(node: string, wish: CredentialsWish = {}): Promise<Credentials> {
  const issuer = wish.authority ?? (await authority());
  const name = { cluster: wish.cluster ?? CLUSTER, node };
  const { key, request } = await makeKeyAndRequest(name);
  const now = Date.now() - (wish.ageDays ?? 0) * DAY_MS;
  const certificate = await issue(issuer, { name, request, now, validDays: wish.validDays ?? 90 });
  return { certificate, key, authorities: (wish.believes ?? [issuer]).map((one) => one.certificate) };
}

/** Short times, so that what must happen happens soon; nothing is expected to happen within a time. */
export const QUICK: Partial<TransportLimits> = {
  reconnectMinMs: 5,
  reconnectMaxMs: 40,
  lingerMs: 300,
  greetingMs: 2000,
};

export interface NodeWish {
  readonly credentials?: Credentials;
  readonly cluster?: string;
  readonly limits?: Partial<TransportLimits>;
  readonly user?: Partial<TransportUser>;
  readonly listen?: PeerAddress;
  readonly clock?: Clock;
  readonly timers?: Timers;
  readonly services?: Services;
}

export interface TestNode {
  readonly name: string;
  readonly transport: TlsTransport;
  readonly events: TransportEvent[];
  readonly messages: string[];
  readonly introductions: Introduction[];
  /** The first event, past or to come, of this type (and reason). */
  event<T extends TransportEvent['type']>(type: T, reason?: string): Promise<Extract<TransportEvent, { type: T }>>;
}

/** A node that keeps what it hears; closed at the end of the test. */
export async function startNode(t: Test, name: string, wish: NodeWish = {}): Promise<TestNode> {
  const events: TransportEvent[] = [];
  const messages: string[] = [];
  const introductions: Introduction[] = [];
  const transport = await listenTls({
    self: { cluster: wish.cluster ?? CLUSTER, node: name },
    listen: wish.listen ?? { host: '127.0.0.1', port: 0 },
    credentials: wish.credentials ?? (await credentialsOf(name)),
    clock: wish.clock ?? systemClock,
    timers: wish.timers ?? systemTimers,
    random,
    limits: { ...QUICK, ...wish.limits },
    services: wish.services ?? new Map(),
    user: {
      introduce: () => ({ incarnation: 1, store: `store of ${name}`, configuration: 7, notes: { applied: 3 } }),
      judge: (_peer, introduction) => {
        introductions.push(introduction);
        return null;
      },
      onMessage: (_from, message) => {
        messages.push(Buffer.from(message).toString());
      },
      onEvent: (event) => {
        events.push(event);
      },
      ...wish.user,
    },
  });
  t.teardown(() => transport.close());
  const event = async <T extends TransportEvent['type']>(
    type: T,
    reason?: string,
  ): Promise<Extract<TransportEvent, { type: T }>> => {
    const isIt = (one: TransportEvent): one is Extract<TransportEvent, { type: T }> =>
      one.type === type && (reason === undefined || ('reason' in one && one.reason === reason));
    await until(`${type} ${reason ?? ''} at ${name}; so far ${JSON.stringify(events)}`, () => events.some(isIt));
    const found = events.find(isIt);
    if (found === undefined) throw new Error('it was there');
    return found;
  };
  return { name, transport, events, messages, introductions, event };
}

/** Everybody knows everybody. */
export function introduceAll(...nodes: readonly TestNode[]): void {
  const all = new Map(nodes.map((node) => [node.name, node.transport.address]));
  for (const node of nodes) node.transport.setPeers(all);
}

export async function connected(...nodes: readonly TestNode[]): Promise<void> {
  await until('all connections', () =>
    nodes.every((node) => nodes.every((peer) => peer === node || isConnected(node, peer))),
  );
}

export function isConnected(node: TestNode, peer: TestNode): boolean {
  return node.transport.counters().get(peer.name)?.connected === true;
}

export function say(node: TestNode, to: string, text: string): void {
  node.transport.send(to, Buffer.from(text));
}
