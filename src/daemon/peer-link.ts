/** Between the replica and the transport: who the peers are, what they say, and what is told of them. */
import type { Logger } from 'pino';
import type { ReplicaHost } from '../log/replica-host.js';
import type { LogIdentity } from '../ports/log.js';
import type { Introduction, PeerAddress, Transport, TransportEvent, TransportUser } from '../ports/transport.js';
import type { Clock } from '../ports/clock.js';
import type { Timers } from '../ports/timers.js';
import { decodeAside, isLogs } from './aside.js';
import { peerAddresses } from './cluster/peers.js';
import type { ContactBook } from './cluster/contact-book.js';
import { encodeProgress, Progress, PROGRESS_MS } from './cluster/progress.js';
import type { Metrics } from './metrics.js';
import { PeerCalls } from './participants/peer-calls.js';
import type { MemberSettings } from './settings.js';

export interface PeerLinkOptions {
  readonly identity: LogIdentity;
  readonly contacts: ContactBook;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly settings: Pick<MemberSettings, 'heartbeatMs' | 'unreachableMs'>;
  readonly timers: Timers;
}

/** A member that was removed is talked to for this long, so that it hears of it. */
const FAREWELL_MS = 60_000;
/** A running node tells its peers of its store so often (log/greetings.ts). */
const BEATS_A_GREETING = 20;
/** After this many they have judged it. */
const BEATS_UNTIL_JUDGED = 3 * BEATS_A_GREETING;

export class PeerLink implements TransportUser {
  readonly progress: Progress;
  readonly calls: PeerCalls;
  readonly #options: PeerLinkOptions;
  #log: ReplicaHost | null = null;
  #transport: Transport | null = null;
  #peers: ReadonlyMap<string, PeerAddress> = new Map();
  #members: ReadonlyMap<string, PeerAddress> = new Map();
  /** Whom the transport reaches: also one that is no member any more, or not yet for all that the log has told us. */
  readonly #reached = new Set<string>();
  /** Until when (monotonic, ms) a former member is still talked to. */
  readonly #leaving = new Map<string, number>();
  /** False: the log could not be read when the peers were last looked up. */
  #knowsState = true;
  #telling: NodeJS.Timeout | undefined;
  /** When the first peer was met, by the monotonic clock. */
  #metAtMs: number | null = null;

  constructor(options: PeerLinkOptions) {
    this.#options = options;
    this.progress = new Progress(options.clock);
    this.calls = new PeerCalls({
      self: options.identity.node,
      clock: options.clock,
      timers: options.timers,
      metrics: options.metrics.calls,
      limits: { unreachableMs: options.settings.unreachableMs },
      send: (to, message) => {
        this.send(to, message);
      },
    });
  }

  attach(log: ReplicaHost): void {
    this.#log = log;
  }

  connect(transport: Transport): void {
    this.#transport = transport;
    this.refreshPeers();
    this.#telling = setInterval(() => {
      this.#tell();
    }, PROGRESS_MS);
  }

  /** Resolves when all that was to be kept is. */
  async end(): Promise<void> {
    clearInterval(this.#telling);
    this.calls.end();
    this.#transport = null;
    await this.#options.contacts.idle();
  }

  send(to: string, message: Uint8Array): void {
    this.#transport?.send(to, message);
  }

  /** After a change of the membership or of an address. */
  refreshPeers(): void {
    const { identity, contacts, clock } = this.#options;
    if (this.#log === null || this.#transport === null) return;
    const state = this.#log.stateIfAny;
    this.#knowsState = state !== null;
    const members = peerAddresses(identity.node, this.#log.configuration, state, contacts.contacts);
    if (state !== null) contacts.keep(members);
    const now = clock.monotonic();
    for (const [node] of this.#peers)
      if (!members.has(node) && !this.#leaving.has(node)) this.#leaving.set(node, now + FAREWELL_MS);
    const peers = new Map(members);
    for (const [node, until] of this.#leaving) {
      const address = this.#peers.get(node);
      if (members.has(node) || until <= now || address === undefined) this.#leaving.delete(node);
      else peers.set(node, address);
    }
    this.#peers = peers;
    this.progress.keep([...members.keys()]);
    this.calls.keep([...members.keys()]);
    const added = [...members.keys()].filter((node) => !this.#members.has(node));
    this.#members = members;
    // Who joins anew may have connected before we heard of it, and does not connect again.
    for (const node of added) if (this.#reached.has(node)) this.#countAsReached(node);
    this.#transport.setPeers(peers);
  }

  /** Whether its peers know that member's store; this one is judged like any other. */
  isProven(node: string): boolean {
    return node === this.#options.identity.node ? this.#isProvenHere() : this.progress.of(node).isProven;
  }

  /** For how long that node has not been reached, ms; null: it is, or it is this one. */
  unreachableForMs(node: string): number | null {
    return node === this.#options.identity.node ? null : this.progress.unreachableForMs(node);
  }

  /** How long it takes at this heartbeat until a member that is met is proven, and has said so, at the latest. */
  get judgedWithinMs(): number {
    return (BEATS_UNTIL_JUDGED + BEATS_A_GREETING) * this.#options.settings.heartbeatMs;
  }

  introduce(): Introduction {
    const { incarnation } = this.#options.identity;
    return { incarnation, store: '', configuration: this.#log?.configuration.id ?? 0, notes: {} };
  }

  judge(_peer: string, { incarnation }: Introduction): string | null {
    const own = this.#options.identity.incarnation;
    if (incarnation === own) return null;
    const older = incarnation < own ? 'it' : 'this one';
    return `its log is incarnation ${String(incarnation)}, this one's is ${String(own)}: after an unsafe recovery ${older} is given up; empty its state directory and join anew`;
  }

  onMessage(from: string, message: Uint8Array): void {
    if (isLogs(message)) this.#log?.receive(from, message);
    else this.#takeAside(from, message);
  }

  #takeAside(from: string, message: Uint8Array): void {
    try {
      const aside = decodeAside(message);
      if (aside.topic === 'progress') this.progress.take(from, aside.content);
      else this.calls.take(from, aside);
    } catch {
      this.#options.metrics.messageRefused();
    }
  }

  onEvent(event: TransportEvent): void {
    const { logger, metrics } = this.#options;
    switch (event.type) {
      case 'connected':
        this.#reached.add(event.peer);
        this.#countAsReached(event.peer);
        this.#metAtMs ??= this.#options.clock.monotonic();
        logger.info({ peer: event.peer }, 'connected');
        this.#log?.met(event.peer);
        this.#tell();
        return;
      case 'disconnected':
        this.#reached.delete(event.peer);
        this.progress.disconnected(event.peer);
        this.calls.disconnected(event.peer);
        logger.warn({ peer: event.peer, reason: event.message }, 'disconnected');
        return;
      case 'refused': {
        const { by, peer, address, reason, message, repeated } = event;
        metrics.refused(reason);
        // Of a peer that shows nothing to be known by it is not known whom it concerns.
        if (peer !== null) {
          const refusal = {
            message: by === 'us' ? `refused here: ${message}` : `it refused: ${message}`,
            isClock: reason === 'clock',
          };
          this.progress.refused(peer, refusal);
          this.calls.refused(peer, refusal.message, refusal.isClock);
        }
        logger.warn({ by, peer, address, reason, repeated }, message);
        return;
      }
      case 'unreachable':
        this.progress.disconnected(event.peer);
        this.calls.notReached(event.peer, event.message);
        logger.warn({ peer: event.peer, repeated: event.repeated }, event.message);
        return;
    }
  }

  #countAsReached(node: string): void {
    this.progress.connected(node);
    this.calls.connected(node);
  }

  /** Its peers have had the time to judge it, and found nothing. */
  #isProvenHere(): boolean {
    const { clock, settings } = this.#options;
    if (this.#log?.hasCore !== true || !this.#log.replicaStatus().isProven) return false;
    return this.#metAtMs !== null && clock.monotonic() - this.#metAtMs >= BEATS_UNTIL_JUDGED * settings.heartbeatMs;
  }

  #tell(): void {
    // A member whose checkpoint cannot be read has nothing to tell until a peer's has taken its place.
    if (this.#log?.hasCore !== true) return;
    const now = this.#options.clock.monotonic();
    if (!this.#knowsState || [...this.#leaving.values()].some((until) => until <= now)) this.refreshPeers();
    const message = encodeProgress(this.#log.replicaStatus().lastSlot, this.#isProvenHere());
    for (const peer of this.#peers.keys()) this.send(peer, message);
  }
}
