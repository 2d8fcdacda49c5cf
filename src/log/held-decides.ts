/**
 * What a leader tells its members to be decided, held back for a moment: the next `accept` to the same member says it as
 * well, and a message that is not sent costs neither side anything. It is not held where somebody waits at that member,
 * whose append or read came to us through it.
 *
 * The network may delay any message, so nothing that is promised depends on this.
 */
import type { Envelope } from '../paxos/messages.js';
import type { Timers } from '../ports/timers.js';

/** Far below a heartbeat, and as long as an append of a lone client takes. */
const HOLD_MS = 2;
/** For so many ticks after it last asked for something, a member is told at once. */
const ASKED_TICKS = 20;

export class HeldDecides {
  readonly #timers: Timers;
  readonly #send: (envelope: Envelope) => void;
  readonly #held = new Map<string, Envelope>();
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
    const held = this.#held.get(node);
    this.#held.delete(node);
    if (held !== undefined) this.#send(held);
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
    if (message.type === 'accept' || message.type === 'decide') this.#held.delete(to);
    this.#send(envelope);
  }

  #isAsking(node: string): boolean {
    const at = this.#askedAtTick.get(node);
    return at !== undefined && this.#tick - at <= ASKED_TICKS;
  }

  #time(): void {
    if (this.#isTimed) return;
    this.#isTimed = true;
    this.#timers.after(HOLD_MS, () => {
      this.#isTimed = false;
      const held = [...this.#held.values()];
      this.#held.clear();
      for (const envelope of held) this.#send(envelope);
    });
  }
}
