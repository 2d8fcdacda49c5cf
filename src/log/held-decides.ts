/**
 * What a leader tells its members to be decided, held back for a moment: the next `accept` to the same member says it as
 * well, and a message that is not sent costs neither side anything. It is not held where somebody waits at that member,
 * whose append or read came to us through it.
 *
 * The network may delay any message, so nothing that is promised depends on this.
 */
import type { Envelope } from '../paxos/messages.js';
import type { Timers } from '../ports/timers.js';

/** What is held leaves after one to two of these: far below a heartbeat, and longer than a lone client's append takes. */
const HOLD_MS = 2;
/** For so many ticks after it last asked for something, a member is told at once. */
const ASKED_TICKS = 20;

export class HeldDecides {
  readonly #timers: Timers;
  readonly #send: (envelope: Envelope) => void;
  readonly #held = new Map<string, Envelope>();
  /** The members of whom something is held since before the timer was set: whatever is newest goes when it fires. */
  readonly #due = new Set<string>();
  readonly #askedAtTick = new Map<string, number>();
  #tick = 0;
  #isTimed = false;

  constructor(timers: Timers, send: (envelope: Envelope) => void) {
    this.#timers = timers;
    this.#send = send;
  }

  tick(now: number): void {
    this.#tick = now;
  }

  /** A member forwards an append or asks for a read: its own callers wait. */
  asked(node: string): void {
    this.#askedAtTick.set(node, this.#tick);
    this.#release(node);
  }

  /** On its way to a member: sent, or held. What is sent of the core makes an older `decide` superfluous or follows it. */
  pass(envelope: Envelope): void {
    const { to, message } = envelope;
    if (message.type === 'decide' && !this.#isAsking(to)) {
      this.#held.set(to, envelope);
      this.#time();
      return;
    }
    // An `accept` says how far all is decided, and every later `decide` says more.
    if (message.type === 'accept' || message.type === 'decide') this.#forget(to);
    this.#send(envelope);
  }

  #isAsking(node: string): boolean {
    const at = this.#askedAtTick.get(node);
    return at !== undefined && this.#tick - at <= ASKED_TICKS;
  }

  #forget(node: string): void {
    this.#held.delete(node);
    this.#due.delete(node);
  }

  #release(node: string): void {
    const held = this.#held.get(node);
    this.#forget(node);
    if (held !== undefined) this.#send(held);
  }

  /**
   * What began to be held since the timer was set waits for the next: under a lone client each `accept` comes just after
   * the `decide` before it, and a timer of somebody else's would send most of them for nothing.
   */
  #time(): void {
    if (this.#isTimed) return;
    this.#isTimed = true;
    this.#timers.after(HOLD_MS, () => {
      this.#isTimed = false;
      for (const node of [...this.#due]) this.#release(node);
      for (const node of this.#held.keys()) this.#due.add(node);
      if (this.#held.size > 0) this.#time();
    });
  }
}
