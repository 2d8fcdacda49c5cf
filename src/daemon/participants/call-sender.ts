/**
 * Calls of this node to others: each is sent again until it is answered, and at once when its node can be reached again.
 *
 * A call has no limit in time while the node that works on it says so: a hook or a flush takes as long as it takes. It
 * fails when its node has been out of reach for a while, or is in reach and says nothing.
 */
import type { Clock } from '../../ports/clock.js';
import type { Timers } from '../../ports/timers.js';
import { DEFAULT_MEMBER_SETTINGS } from '../settings.js';
import type { CallName } from './call-name.js';
import type { CallMetrics } from './call-metrics.js';
import { encodeCall, type Reply } from './messages.js';
import { valueOf } from './outcome.js';
import { answerShapes, CALL_BYTES_MAX, type Call } from './protocol.js';
import { isStopping, isStrange, isTooLarge, isTooMany, notAnAnswer, saysNothing, unreachable } from './refusals.js';

export interface SenderLimits {
  /** How often an unanswered call is sent. */
  readonly resendMs: number;
  /** How long its node may be out of reach. */
  readonly unreachableMs: number;
  /** How long a node that is in reach may say nothing of a call. */
  readonly silentMs: number;
  /** Unanswered calls to one node. */
  readonly openMax: number;
}

export const DEFAULT_SENDER_LIMITS: SenderLimits = {
  resendMs: 250,
  unreachableMs: DEFAULT_MEMBER_SETTINGS.unreachableMs,
  silentMs: 10_000,
  openMax: 256,
};

export interface SenderOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly metrics: CallMetrics;
  readonly limits: SenderLimits;
  readonly send: (to: string, message: Uint8Array) => void;
}

/** A node that may be called. */
interface Reach {
  connected: boolean;
  /** Since when it is not: by the monotonic clock, and as people tell the time. */
  awaySinceMs: number;
  since: number;
  /** Why the last connection was refused since then; null: none was. */
  refusal: string | null;
  /** It was because one of both clocks is wrong. */
  isClock: boolean;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface Open {
  readonly node: string;
  readonly key: string;
  readonly kind: Call['type'];
  readonly message: Uint8Array;
  readonly waiting: Waiting[];
  /** null: never. */
  sentAtMs: number | null;
  /** Looks in which the node was in reach and had said nothing. Counted, so that a pause of this process is not held against it. */
  silentLooks: number;
}

export class CallSender {
  readonly #options: SenderOptions;
  readonly #reach = new Map<string, Reach>();
  readonly #open = new Map<string, Open>();
  #isLooking = false;
  #isEnded = false;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Whom it may call: all other members. */
  keep(members: readonly string[]): void {
    for (const node of this.#reach.keys()) if (!members.includes(node)) this.#forget(node);
    for (const node of members) if (!this.#reach.has(node)) this.#reach.set(node, this.#away());
  }

  connected(node: string): void {
    const reach = this.#reach.get(node);
    if (reach === undefined) return;
    reach.connected = true;
    for (const open of this.#openTo(node)) {
      open.silentLooks = 0;
      this.#send(open);
    }
  }

  disconnected(node: string): void {
    const reach = this.#reach.get(node);
    if (reach?.connected === true) Object.assign(reach, this.#away());
  }

  /** A connection did not come about because one of the two did not want it. */
  refused(node: string, refusal: string, isClock: boolean): void {
    const reach = this.#reach.get(node);
    if (reach !== undefined) Object.assign(reach, { refusal, isClock });
  }

  /** A call did not get through to it; that one of the two refused the other would tell more. */
  notReached(node: string, why: string): void {
    const reach = this.#reach.get(node);
    if (reach?.connected === false) reach.refusal ??= why;
  }

  /**
   * The checked answer. A call that is open already is waited for under its name; so is one whose first copy came through
   * another process. @throws NODE_NOT_FOUND; UNAVAILABLE; what the node answers.
   */
  async call(node: string, name: CallName, call: Call): Promise<unknown> {
    if (this.#isEnded) throw isStopping();
    const open = this.#open.get(keyOf(node, name)) ?? this.#begin(node, name, call);
    return new Promise((resolve, reject) => {
      open.waiting.push({ resolve, reject });
    });
  }

  #begin(node: string, name: CallName, call: Call): Open {
    const { clock, metrics, limits } = this.#options;
    const reach = this.#reach.get(node);
    if (reach === undefined) throw isStrange(node);
    if (this.#openTo(node).length >= limits.openMax) throw isTooMany(node, limits.openMax);
    if (isAway(reach, clock.monotonic(), limits.unreachableMs)) throw unreachable(node, reach, false);
    const message = encodeCall(name, call);
    if (message.length > CALL_BYTES_MAX) throw isTooLarge(node, message.length, CALL_BYTES_MAX);
    const key = keyOf(node, name);
    const open: Open = { node, key, kind: call.type, message, waiting: [], sentAtMs: null, silentLooks: 0 };
    this.#open.set(key, open);
    metrics.asked(call.type);
    if (reach.connected) this.#send(open);
    if (!this.#isLooking) this.#lookLater();
    return open;
  }

  /** What nobody waits for any more is dropped. */
  take(from: string, reply: Reply): void {
    const open = this.#open.get(keyOf(from, reply));
    if (open === undefined) return;
    open.silentLooks = 0;
    if (reply.outcome === null) return;
    try {
      const value = answerShapes[open.kind](valueOf(reply.outcome, from), 'answer');
      this.#open.delete(open.key);
      for (const { resolve } of open.waiting) resolve(value);
    } catch (error) {
      this.#fail(open, error instanceof TypeError ? notAnAnswer(from, open.kind, error) : error);
    }
  }

  /** Whoever waits is told that this daemon stops. */
  end(): void {
    this.#isEnded = true;
    for (const open of [...this.#open.values()]) this.#fail(open, isStopping());
  }

  #lookLater(): void {
    this.#isLooking = this.#open.size > 0;
    if (this.#isLooking)
      this.#options.timers.after(this.#options.limits.resendMs, () => {
        for (const open of [...this.#open.values()]) this.#look(open);
        this.#lookLater();
      });
  }

  #look(open: Open): void {
    const { limits, clock } = this.#options;
    const reach = this.#reach.get(open.node);
    if (reach === undefined) return;
    const now = clock.monotonic();
    if (isAway(reach, now, limits.unreachableMs))
      return this.#fail(open, unreachable(open.node, reach, open.sentAtMs !== null));
    if (!reach.connected) return;
    open.silentLooks += 1;
    if (open.silentLooks * limits.resendMs > limits.silentMs) this.#fail(open, saysNothing(open.node, limits.silentMs));
    else if (now - (open.sentAtMs ?? 0) >= limits.resendMs / 2) this.#send(open);
  }

  #send(open: Open): void {
    if (open.sentAtMs !== null) this.#options.metrics.resent(open.kind);
    open.sentAtMs = this.#options.clock.monotonic();
    this.#options.send(open.node, open.message);
  }

  #forget(node: string): void {
    this.#reach.delete(node);
    for (const open of this.#openTo(node)) this.#fail(open, isStrange(node));
  }

  #fail(open: Open, error: unknown): void {
    this.#open.delete(open.key);
    this.#options.metrics.failed(open.kind);
    for (const { reject } of open.waiting) reject(error);
  }

  #openTo(node: string): readonly Open[] {
    return [...this.#open.values()].filter((open) => open.node === node);
  }

  #away(): Reach {
    const { clock } = this.#options;
    return { connected: false, awaySinceMs: clock.monotonic(), since: clock.now(), refusal: null, isClock: false };
  }
}

function keyOf(node: string, { caller, sequence }: Pick<CallName, 'caller' | 'sequence'>): string {
  return JSON.stringify([node, caller, sequence]);
}

function isAway(reach: Reach, now: number, unreachableMs: number): boolean {
  return !reach.connected && now - reach.awaySinceMs >= unreachableMs;
}
