/**
 * Calls between the nodes of a cluster, over connections that lose messages: made by call-sender.ts, begun once by
 * call-receiver.ts. Here they meet: whom to call, and which message is whose.
 */
import type { Clock } from '../../ports/clock.js';
import type { Timers } from '../../ports/timers.js';
import type { Aside } from '../aside.js';
import type { Asker } from './asker.js';
import { DEFAULT_LEDGER_LIMITS, type LedgerLimits } from './call-ledger.js';
import type { CallMetrics } from './call-metrics.js';
import type { CallName } from './call-name.js';
import { CallReceiver, type CallHandler } from './call-receiver.js';
import { CallSender, DEFAULT_SENDER_LIMITS, type SenderLimits } from './call-sender.js';
import { replyShape } from './messages.js';
import type { Call } from './protocol.js';

export interface PeerCallsOptions {
  readonly self: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly metrics: CallMetrics;
  readonly limits?: Partial<SenderLimits & LedgerLimits>;
  /** May drop. */
  readonly send: (to: string, message: Uint8Array) => void;
}

export class PeerCalls implements Asker {
  readonly #self: string;
  readonly #sender: CallSender;
  readonly #receiver: CallReceiver;

  constructor(options: PeerCallsOptions) {
    const { self, clock, timers, metrics, send } = options;
    this.#self = self;
    const limits = { ...DEFAULT_SENDER_LIMITS, ...DEFAULT_LEDGER_LIMITS, ...options.limits };
    this.#sender = new CallSender({ clock, timers, metrics, limits, send });
    this.#receiver = new CallReceiver({ self, clock, metrics, limits, send });
  }

  async ask(node: string, name: CallName, call: Call): Promise<unknown> {
    return node === this.#self ? this.#receiver.own(name, call) : this.#sender.call(node, name, call);
  }

  serve(handler: CallHandler): void {
    this.#receiver.serve(handler);
  }

  /** All members but this node. */
  keep(members: readonly string[]): void {
    this.#sender.keep(members);
    this.#receiver.keep(members);
  }

  connected(peer: string): void {
    this.#sender.connected(peer);
  }

  disconnected(peer: string): void {
    this.#sender.disconnected(peer);
  }

  /** `isClock`: because one of both clocks is wrong. */
  refused(peer: string, refusal: string, isClock: boolean): void {
    this.#sender.refused(peer, refusal, isClock);
  }

  notReached(peer: string, why: string): void {
    this.#sender.notReached(peer, why);
  }

  /** @throws TypeError when it is neither a call nor a reply. */
  take(from: string, { topic, content }: Aside): void {
    if (topic === 'call') this.#receiver.take(from, content);
    else this.#sender.take(from, replyShape(content, topic));
  }

  /** Answers nothing more; whoever waits is told. */
  end(): void {
    this.#receiver.end();
    this.#sender.end();
  }
}
