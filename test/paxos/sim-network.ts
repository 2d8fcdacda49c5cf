/** The network of the core's simulation: it repeats and reorders messages, loses them, and is cut link by link, one way. */
import type { NodeId } from '#src/paxos/ballot.js';
import type { Envelope } from '#src/paxos/messages.js';
import { names } from './sim-node.js';

export class Network {
  readonly #below: (below: number) => number;
  #messages: Envelope[] = [];
  readonly #down = new Set<string>();

  constructor(below: (below: number) => number) {
    this.#below = below;
  }

  send(envelope: Envelope): void {
    this.#messages.push(envelope);
  }

  /** One that arrives now, unless its link is cut. */
  next(): Envelope | undefined {
    if (this.#messages.length === 0) return undefined;
    // Mostly in order, as a connection does it.
    const at = this.#below(3) === 0 ? this.#below(this.#messages.length) : 0;
    const message = this.#messages[at];
    // One in eight is delivered and stays: a duplicate.
    if (this.#below(8) > 0) this.#messages.splice(at, 1);
    return message !== undefined && this.#passes(message) ? message : undefined;
  }

  /** The oldest, whatever is cut. */
  shift(): Envelope | undefined {
    return this.#messages.shift();
  }

  /** The oldest messages for this node, so many at most; what comes over a cut link is lost. */
  takeFor(node: NodeId, most: number): readonly Envelope[] {
    const taken = this.#messages.filter(({ to }) => to === node).slice(0, most);
    this.#messages = this.#messages.filter((message) => !taken.includes(message));
    return taken.filter((message) => this.#passes(message));
  }

  loseOne(): void {
    this.#messages.splice(this.#below(this.#messages.length + 1), 1);
  }

  loseAll(): void {
    this.#messages = [];
  }

  /** One way, and perhaps both, between two nodes; sometimes all the links of one. */
  cut(from: NodeId, to: NodeId): void {
    this.#down.add(`${from}>${to}`);
    if (this.#below(2) === 0) this.#down.add(`${to}>${from}`);
    if (this.#below(4) > 0) return;
    for (const other of names) this.#down.add(`${from}>${other}`).add(`${other}>${from}`);
  }

  mend(): void {
    this.#down.clear();
  }

  #passes({ from, to }: Envelope): boolean {
    return !this.#down.has(`${from}>${to}`);
  }
}
