/**
 * Calls that come to this node: from other nodes, and from commands to their own node. Each is begun once (call-ledger.ts)
 * and ends by itself, whoever waits for it. They run side by side; what may not is the handler's to know.
 */
import type { Clock } from '../../ports/clock.js';
import { callMessageShape, encodeReply, type CallMessage } from './messages.js';
import { CallLedger, type LedgerLimits, type Taken } from './call-ledger.js';
import type { CallMetrics } from './call-metrics.js';
import type { CallName } from './call-name.js';
import { failed, outcomeOf, valueOf, type Outcome } from './outcome.js';
import { callShape, type Call } from './protocol.js';
import { isStopping } from './refusals.js';

/** Answers a call: the value that its shape says, or a rejection. `from`: the node that sent it. */
export type CallHandler = (call: Call, from: string) => Promise<unknown>;

export interface ReceiverOptions {
  readonly self: string;
  readonly clock: Clock;
  readonly metrics: CallMetrics;
  readonly limits: LedgerLimits;
  readonly send: (to: string, message: Uint8Array) => void;
}

export class CallReceiver {
  readonly #options: ReceiverOptions;
  readonly #ledgers = new Map<string, CallLedger>();
  /** null: not yet, or no more. */
  #handler: CallHandler | null = null;

  constructor(options: ReceiverOptions) {
    this.#options = options;
    this.keep([]);
  }

  /** Until now calls of other nodes were not heard, and are sent again. */
  serve(handler: CallHandler): void {
    this.#handler = handler;
  }

  /** What runs ends by itself, and is not answered: it is asked for again after the restart, or of whoever takes over. */
  end(): void {
    this.#handler = null;
  }

  /** Who may call: all other members. A removed one's calls end by themselves. */
  keep(members: readonly string[]): void {
    const { self, clock, limits } = this.#options;
    for (const node of this.#ledgers.keys()) if (node !== self && !members.includes(node)) this.#ledgers.delete(node);
    for (const node of [self, ...members])
      if (!this.#ledgers.has(node)) this.#ledgers.set(node, new CallLedger(clock, limits));
  }

  /** @throws TypeError when it is no call. */
  take(from: string, content: unknown): void {
    const { name, call } = callMessageShape(content, 'call');
    if (this.#handler === null) return;
    const outcome = this.#known(from, name, call, this.#handler);
    if ('state' in outcome) void this.#answer(from, name, outcome);
    else this.#reply(from, name, outcome);
  }

  /** A command's call to its own node. */
  async own(name: CallName, call: Call): Promise<unknown> {
    const { self } = this.#options;
    const taken = this.#handler === null ? null : this.#begin(self, name, call, this.#handler);
    if (taken === null) throw isStopping();
    return valueOf(await taken.outcome, null);
  }

  /** The call, or why it is none: that is answered anew to each copy, and nothing is begun. */
  #known(from: string, name: CallName, call: CallMessage['call'], handler: CallHandler): Taken | Outcome {
    let readable: Call;
    try {
      readable = callShape(call, 'call');
    } catch (error) {
      return failed('UNSUPPORTED', `it does not know this request (${String(error)}); are both of one version?`);
    }
    return (
      this.#begin(from, name, readable, handler) ?? failed('DENIED', `${from} is no member of its cluster any more`)
    );
  }

  #begin(from: string, name: CallName, call: Call, handler: CallHandler): Taken | null {
    const ledger = this.#ledgers.get(from);
    if (ledger === undefined) return null;
    return ledger.take(name, async () => {
      this.#options.metrics.begun(call.type);
      return outcomeOf(async () => handler(call, from));
    });
  }

  async #answer(from: string, name: CallName, taken: Taken): Promise<void> {
    // Its first copy will be answered when it is done; this one tells the caller that it is in good hands.
    if (taken.state === 'running') this.#reply(from, name, null);
    else this.#reply(from, name, await taken.outcome);
  }

  #reply(to: string, name: CallName, outcome: Outcome | null): void {
    if (this.#handler !== null) this.#options.send(to, encodeReply(name, outcome));
  }
}
