/**
 * A network that loses, repeats, delays and reorders messages and that can be cut in one direction, between any two
 * nodes. What happens to a message depends on the seed, the link and the message's number on it, and on nothing else.
 */
import { Dice, seedFor } from './random.js';
import type { Scheduler } from './scheduler.js';
import type { Tally } from './tally.js';

export interface Weather {
  readonly lossPerMille: number;
  readonly repeatPerMille: number;
  /** Delivered up to this many ms later than the shortest way. */
  readonly jitterMs: number;
  /** Per mille of the messages that are held up for long. */
  readonly stragglePerMille: number;
}

export const FAIR: Weather = { lossPerMille: 0, repeatPerMille: 0, jitterMs: 0, stragglePerMille: 0 };
const WAY_MS = 1;
const STRAGGLE_MS = 3000;

/** `from` and `to` are nodes; `sender` is the process that speaks as `from`: a clone has its original's name. */
export type Deliver = (from: string, to: string, bytes: Uint8Array, sender: string) => void;

export class Network {
  weather: Weather = FAIR;
  readonly #seed: number;
  readonly #scheduler: Scheduler;
  readonly #tally: Tally;
  readonly #deliver: Deliver;
  readonly #cut = new Map<string, number>();
  readonly #sent = new Map<string, number>();

  constructor(seed: number, scheduler: Scheduler, tally: Tally, deliver: Deliver) {
    this.#seed = seed;
    this.#scheduler = scheduler;
    this.#tally = tally;
    this.#deliver = deliver;
  }

  /** Cuts the way from one node to another; cuts add up, and each `mend` takes one back. */
  cut(from: string, to: string): void {
    const link = `${from}>${to}`;
    this.#cut.set(link, (this.#cut.get(link) ?? 0) + 1);
  }

  mend(from: string, to: string): void {
    const link = `${from}>${to}`;
    this.#cut.set(link, Math.max(0, (this.#cut.get(link) ?? 0) - 1));
  }

  mendAll(): void {
    this.#cut.clear();
  }

  isCut(from: string, to: string): boolean {
    return (this.#cut.get(`${from}>${to}`) ?? 0) > 0;
  }

  send(from: string, to: string, bytes: Uint8Array, sender = from): void {
    const link = `${from}>${to}`;
    const number = (this.#sent.get(link) ?? 0) + 1;
    this.#sent.set(link, number);
    if (this.isCut(from, to)) return this.#tally.count('message cut off');
    const dice = new Dice(seedFor(this.#seed, link, number));
    const { lossPerMille, repeatPerMille } = this.weather;
    if (dice.perMille(lossPerMille)) return this.#tally.count('message lost');
    this.#carry(dice, from, to, bytes, sender);
    if (!dice.perMille(repeatPerMille)) return;
    this.#tally.count('message repeated');
    this.#carry(dice, from, to, bytes, sender);
  }

  #carry(dice: Dice, from: string, to: string, bytes: Uint8Array, sender: string): void {
    const { jitterMs, stragglePerMille } = this.weather;
    const straggles = dice.perMille(stragglePerMille);
    if (straggles) this.#tally.count('message held up');
    const delay = WAY_MS + (jitterMs === 0 ? 0 : dice.below(jitterMs)) + (straggles ? dice.below(STRAGGLE_MS) : 0);
    this.#scheduler.after(delay, () => {
      if (this.isCut(from, to)) this.#tally.count('message cut off');
      else this.#deliver(from, to, bytes, sender);
    });
  }
}
