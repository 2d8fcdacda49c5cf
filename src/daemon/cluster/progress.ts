/**
 * How far every member is, and since when it cannot be reached: each tells the others now and then, so that any of them can
 * answer `cluster status`. Nothing is decided by it.
 *
 * It travels beside the log's own messages; those are CBOR maps, and this is a list, so the first byte tells them apart.
 */
import type { Clock } from '../../ports/clock.js';
import { decodeCbor, encodeCbor } from '../../wire/cbor.js';
import { list, natural } from '../../wire/shape.js';

/** How often it is told. */
export const PROGRESS_MS = 500;
const CBOR_LIST = 4;

interface Known {
  /** null: never heard of. */
  lastSlot: number | null;
  /** Its peers know its store: it may be let vote. */
  isProven: boolean;
  connected: boolean;
  /** ms since the epoch; null while it is connected. */
  unreachableSince: number | null;
}

export class Progress {
  readonly #clock: Clock;
  readonly #known = new Map<string, Known>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  connected(peer: string): void {
    Object.assign(this.#of(peer), { connected: true, isProven: false, unreachableSince: null });
  }

  disconnected(peer: string): void {
    const known = this.#of(peer);
    if (known.connected || known.unreachableSince === null) known.unreachableSince = this.#clock.now();
    known.connected = false;
  }

  /** True: it was one of ours. What is none is for the log. */
  take(from: string, message: Uint8Array): boolean {
    if ((message[0] ?? 0) >> 5 !== CBOR_LIST) return false;
    const [lastSlot = 0, isProven = 0] = list(natural)(decodeCbor(message), 'progress');
    Object.assign(this.#of(from), { lastSlot, isProven: isProven === 1 });
    return true;
  }

  /** Members that are no peer any more are forgotten; new ones count as unreachable until they connect. */
  keep(peers: readonly string[]): void {
    for (const peer of this.#known.keys()) if (!peers.includes(peer)) this.#known.delete(peer);
    for (const peer of peers) this.#of(peer);
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
    };
    this.#known.set(peer, known);
    return known;
  }
}

export function encodeProgress(lastSlot: number, isProven: boolean): Uint8Array {
  return encodeCbor([lastSlot, Number(isProven)]);
}
