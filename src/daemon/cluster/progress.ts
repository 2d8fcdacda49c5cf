/**
 * How far every member is, and since when it cannot be reached: each tells the others now and then, so that any of them can
 * answer `cluster status`. Nothing is decided by it.
 */
import type { Clock } from '../../ports/clock.js';
import { natural, object, yesNo } from '../../wire/shape.js';
import { encodeAside } from '../aside.js';

/** How often it is told. */
export const PROGRESS_MS = 500;

interface Known {
  /** null: never heard of. */
  lastSlot: number | null;
  /** Its peers know its store: it may be let vote. */
  isProven: boolean;
  connected: boolean;
  /** ms since the epoch; null while it is connected. */
  unreachableSince: number | null;
  /** The same by the monotonic clock, for whoever waits. */
  lostAtMs: number | null;
  /** Why one of the two refused the other since they were last connected; null: neither did. */
  refusal: PeerRefusal | null;
}

export interface PeerRefusal {
  /** A sentence without its full stop. */
  readonly message: string;
  /** It was because one of both clocks is wrong. */
  readonly isClock: boolean;
}

interface Told {
  readonly lastSlot: number;
  readonly isProven: boolean;
}

const told = object<Told>({ lastSlot: natural, isProven: yesNo });

export class Progress {
  readonly #clock: Clock;
  readonly #known = new Map<string, Known>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  connected(peer: string): void {
    const reached = { connected: true, unreachableSince: null, lostAtMs: null, refusal: null };
    Object.assign(this.#of(peer), { ...reached, isProven: false });
  }

  disconnected(peer: string): void {
    const known = this.#of(peer);
    if (known.connected || known.unreachableSince === null) {
      known.unreachableSince = this.#clock.now();
      known.lostAtMs = this.#clock.monotonic();
    }
    known.connected = false;
  }

  /** A connection did not come about because one of the two did not want it. */
  refused(peer: string, refusal: PeerRefusal): void {
    const known = this.#known.get(peer);
    if (known?.connected === false) known.refusal = refusal;
  }

  /** @throws TypeError when it is none. */
  take(from: string, content: unknown): void {
    Object.assign(this.#of(from), told(content, 'progress'));
  }

  /** Members that are no peer any more are forgotten; new ones count as unreachable until they connect. */
  keep(peers: readonly string[]): void {
    for (const peer of this.#known.keys()) if (!peers.includes(peer)) this.#known.delete(peer);
    for (const peer of peers) this.#of(peer);
  }

  /** For how long that peer has not been reached, ms; null: it is reached. */
  unreachableForMs(peer: string): number | null {
    const { lostAtMs } = this.#of(peer);
    return lostAtMs === null ? null : this.#clock.monotonic() - lostAtMs;
  }

  of(peer: string): Readonly<Known> {
    return this.#of(peer);
  }

  #of(peer: string): Known {
    const known = this.#known.get(peer) ?? {
      lastSlot: null,
      isProven: false,
      connected: false,
      unreachableSince: this.#clock.now(),
      lostAtMs: this.#clock.monotonic(),
      refusal: null,
    };
    this.#known.set(peer, known);
    return known;
  }
}

export function encodeProgress(lastSlot: number, isProven: boolean): Uint8Array {
  return encodeAside('progress', { lastSlot, isProven } satisfies Told);
}
