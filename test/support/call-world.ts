/** Nodes that call each other over connections which a test cuts and which lose what it says, by a clock that it sets. */
import { decodeAside } from '#src/daemon/aside.js';
import { CallNames } from '#src/daemon/participants/call-name.js';
import type { LedgerLimits } from '#src/daemon/participants/call-ledger.js';
import type { CallMetrics } from '#src/daemon/participants/call-metrics.js';
import type { SenderLimits } from '#src/daemon/participants/call-sender.js';
import { PeerCalls } from '#src/daemon/participants/peer-calls.js';
import type { Call } from '#src/daemon/participants/protocol.js';
import type { Clock } from '#src/ports/clock.js';
import type { Timers } from '#src/ports/timers.js';

export class FakeTime implements Clock, Timers {
  #ms = 0;
  readonly #due: { readonly at: number; readonly action: () => void }[] = [];

  now(): number {
    return 1_700_000_000_000 + this.#ms;
  }

  monotonic(): number {
    return this.#ms;
  }

  after(delayMs: number, action: () => void): () => void {
    const timer = { at: this.#ms + delayMs, action };
    this.#due.push(timer);
    return () => {
      const index = this.#due.indexOf(timer);
      if (index >= 0) this.#due.splice(index, 1);
    };
  }

  /** Runs what is due on the way, each with all that follows from it at once. */
  async pass(ms: number): Promise<void> {
    const end = this.#ms + ms;
    for (;;) {
      await quiet();
      const next = Math.min(...this.#due.map(({ at }) => at));
      if (next > end) break;
      this.#ms = Math.max(this.#ms, next);
      const index = this.#due.findIndex(({ at }) => at === next);
      this.#due.splice(index, 1)[0]?.action();
    }
    this.#ms = end;
  }
}

/** Until no promise has anything to do at once. */
async function quiet(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

export class CallNode {
  readonly name: string;
  calls: PeerCalls;
  /** What was begun here, `kind of FROM`, oldest first. */
  readonly begun: string[] = [];
  readonly counted: Record<keyof CallMetrics, number> = { asked: 0, failed: 0, resent: 0, begun: 0 };
  /** What a call is answered; by default the publish's generation is refused where it is 0. */
  answer: (call: Call, from: string) => Promise<unknown> = async () => Promise.resolve(null);
  readonly #make: (node: CallNode) => PeerCalls;

  constructor(name: string, make: (node: CallNode) => PeerCalls) {
    this.name = name;
    this.#make = make;
    this.calls = this.#start();
  }

  /** The daemon is killed and started again: it remembers nothing. */
  restart(): void {
    this.calls = this.#start();
  }

  #start(): PeerCalls {
    const calls = this.#make(this);
    calls.serve(async (call, from) => {
      this.begun.push(`${call.type} of ${from}`);
      return this.answer(call, from);
    });
    return calls;
  }
}

export class CallWorld {
  readonly time = new FakeTime();
  readonly nodes = new Map<string, CallNode>();
  /** Whether this message is lost on its way. */
  loses: (from: string, to: string) => boolean = () => false;
  /** Messages that were neither a call nor a reply. */
  refused = 0;
  readonly #limits: Partial<SenderLimits & LedgerLimits>;
  /** By pair: the number of the connection; odd while it stands. */
  readonly #connections = new Map<string, number>();

  constructor(names: readonly string[], limits: Partial<SenderLimits & LedgerLimits> = {}) {
    this.#limits = limits;
    for (const name of names) this.nodes.set(name, new CallNode(name, (node) => this.#callsOf(node)));
    for (const node of this.nodes.values()) this.#introduce(node);
    for (const [a, b] of this.#pairs()) this.connect(a, b);
  }

  node(name: string): CallNode {
    const node = this.nodes.get(name);
    if (node === undefined) throw new Error(`no node ${name} in this test`);
    return node;
  }

  connect(a: string, b: string): void {
    this.#connections.set(pair(a, b), this.#connection(a, b) + 1);
    this.node(a).calls.connected(b);
    this.node(b).calls.connected(a);
  }

  disconnect(a: string, b: string): void {
    this.#connections.set(pair(a, b), this.#connection(a, b) + 1);
    this.node(a).calls.disconnected(b);
    this.node(b).calls.disconnected(a);
  }

  /** Killed, and back with its connections after `awayMs`. */
  async restart(name: string, awayMs: number): Promise<void> {
    const others = [...this.nodes.keys()].filter((other) => other !== name);
    for (const other of others) this.disconnect(name, other);
    await this.time.pass(awayMs);
    this.node(name).restart();
    this.#introduce(this.node(name));
    for (const other of others) this.connect(name, other);
  }

  /** A message of `from` as its transport would hand it over. */
  deliver(from: string, to: string, message: Uint8Array): void {
    try {
      this.node(to).calls.take(from, decodeAside(message));
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      this.refused += 1;
    }
  }

  #callsOf(node: CallNode): PeerCalls {
    const count = (what: keyof CallMetrics) => () => {
      node.counted[what] += 1;
    };
    return new PeerCalls({
      self: node.name,
      clock: this.time,
      timers: this.time,
      metrics: { asked: count('asked'), failed: count('failed'), resent: count('resent'), begun: count('begun') },
      limits: this.#limits,
      send: (to, message) => {
        this.#send(node.name, to, message);
      },
    });
  }

  /** On its way for a millisecond; what is on its way when the connection ends is lost. */
  #send(from: string, to: string, message: Uint8Array): void {
    const connection = this.#connection(from, to);
    if (connection % 2 === 0 || this.loses(from, to)) return;
    this.time.after(1, () => {
      if (this.#connection(from, to) === connection) this.deliver(from, to, message);
    });
  }

  #introduce({ name, calls }: CallNode): void {
    calls.keep([...this.nodes.keys()].filter((other) => other !== name));
  }

  #connection(a: string, b: string): number {
    return this.#connections.get(pair(a, b)) ?? 0;
  }

  #pairs(): readonly (readonly [string, string])[] {
    const names = [...this.nodes.keys()];
    return names.flatMap((a, index) => names.slice(index + 1).map((b) => [a, b] as const));
  }
}

function pair(a: string, b: string): string {
  return [a, b].sort().join(' ');
}

/** One caller to one node: gives names, and says what became of each call. */
export function callerOf(world: CallWorld, from: string, to: string, token = `${from} to ${to}`) {
  const names = new CallNames(token);
  return {
    names,
    async ask(call: Call): Promise<unknown> {
      const name = names.next();
      try {
        return await world.node(from).calls.ask(to, name, call);
      } finally {
        names.over(name);
      }
    },
  };
}

export function publishOf(generation: number, group = 'app'): Call {
  return { type: 'publish', group, generation };
}
