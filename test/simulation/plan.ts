/**
 * What is to happen in one world: made from a seed, and then plain data, so that a failing one can be shrunk by leaving
 * things out. Everything that a plan does not say is drawn from the seed where it happens.
 */
import { Dice, seedFor } from './random.js';
import type { Weather } from './network.js';

export type Action =
  /** `request`: the append carries a request id, and is said again with it when its outcome is unknown. */
  | {
      readonly kind: 'append';
      readonly node: string;
      readonly volume: string;
      readonly adds: boolean;
      readonly request: boolean;
    }
  | { readonly kind: 'read'; readonly node: string }
  /** A transaction; `both`: its commit and its abort race each other; `leaves`: its coordinator is gone after begin. */
  | {
      readonly kind: 'commit';
      readonly node: string;
      readonly ends: 'commit' | 'abort' | 'both' | 'leaves';
      readonly holds: boolean;
    }
  | { readonly kind: 'crash'; readonly node: string; readonly forMs: number }
  | { readonly kind: 'pause'; readonly node: string; readonly forMs: number }
  /** No message passes from any of these to any of those. */
  | { readonly kind: 'cut'; readonly from: readonly string[]; readonly to: readonly string[]; readonly forMs: number }
  | { readonly kind: 'weather'; readonly weather: Weather; readonly forMs: number }
  | { readonly kind: 'clock'; readonly node: string; readonly byMs: number }
  | { readonly kind: 'full'; readonly node: string; readonly forMs: number }
  | { readonly kind: 'slow'; readonly node: string; readonly forMs: number }
  | { readonly kind: 'hang'; readonly node: string; readonly forMs: number }
  | { readonly kind: 'failSync'; readonly node: string; readonly done: boolean }
  | {
      readonly kind: 'damage';
      readonly node: string;
      readonly how: Damage;
    }
  /** Keeps what the disk holds now, for a `rollBack` or a `clone`. */
  | { readonly kind: 'keep'; readonly node: string }
  | { readonly kind: 'rollBack'; readonly node: string }
  /** What was kept of `node` is started under its name: on a machine of its own (`on` is `node`), or in another's place. */
  | { readonly kind: 'clone'; readonly node: string; readonly on: string; readonly forMs: number }
  | { readonly kind: 'wipe'; readonly node: string }
  | {
      readonly kind: 'members';
      readonly node: string;
      readonly voters: readonly string[];
      readonly learners: readonly string[];
    }
  | { readonly kind: 'transfer'; readonly node: string }
  | { readonly kind: 'checkpoint'; readonly node: string }
  | { readonly kind: 'scrub'; readonly node: string };

export type Damage = 'missing' | 'flipped' | 'misdirected' | 'checkpoint' | 'archive';

export type PlanItem = { readonly at: number } & Action;

export interface Plan {
  readonly seed: number;
  readonly voters: readonly string[];
  /** Nodes that are there from the beginning and are no members yet. */
  readonly spares: readonly string[];
  /** How long the safety phase lasts, ms. */
  readonly lastsMs: number;
  /** How fast each node's timers run, in thousandths. */
  readonly ratesPerMille: Readonly<Record<string, number>>;
  readonly items: readonly PlanItem[];
}

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
const VOLUMES = ['v1', 'v2', 'v3'];
const DAMAGES: readonly Damage[] = ['missing', 'flipped', 'misdirected', 'checkpoint', 'archive'];

export function planFor(seed: number): Plan {
  const dice = new Dice(seedFor(seed, 'plan'));
  const count = dice.pick([1, 3, 3, 3, 3, 3, 5]);
  const voters = NAMES.slice(0, count);
  const spares = count === 3 ? NAMES.slice(count, count + dice.below(3)) : [];
  const lastsMs = 2000 + dice.below(4500);
  const maker = new PlanMaker(dice, voters, spares, lastsMs);
  maker.load();
  maker.faults();
  if (spares.length > 0) maker.memberships();
  const ratesPerMille = Object.fromEntries([...voters, ...spares].map((node) => [node, dice.between(900, 1100)]));
  const items = maker.items.toSorted((a, b) => a.at - b.at);
  return { seed, voters, spares, lastsMs, ratesPerMille, items };
}

class PlanMaker {
  readonly items: PlanItem[] = [];
  readonly #dice: Dice;
  readonly #voters: readonly string[];
  readonly #spares: readonly string[];
  readonly #lastsMs: number;
  /** Only these ever lose or change what is durable: a minority. */
  readonly #victims: readonly string[];

  constructor(dice: Dice, voters: readonly string[], spares: readonly string[], lastsMs: number) {
    this.#dice = dice;
    this.#voters = voters;
    this.#spares = spares;
    this.#lastsMs = lastsMs;
    this.#victims = dice.shuffled(voters).slice(0, (voters.length - 1) >> 1);
  }

  load(): void {
    const dice = this.#dice;
    const count = dice.between(20, 90);
    for (let n = 0; n < count; n += 1) {
      const node = this.#anyNode();
      if (dice.below(4) === 0) this.#add({ kind: 'read', node });
      else
        this.#add({
          kind: 'append',
          node,
          volume: dice.pick(VOLUMES),
          adds: dice.below(2) === 0,
          request: dice.below(3) === 0,
        });
    }
    for (let n = dice.below(5); n > 0; n -= 1)
      this.#add({
        kind: 'commit',
        node: this.#anyNode(),
        ends: dice.pick(['commit', 'commit', 'commit', 'abort', 'both', 'leaves']),
        holds: dice.below(2) === 0,
      });
    for (let n = dice.below(6); n > 0; n -= 1) this.#add({ kind: 'checkpoint', node: this.#anyNode() });
  }

  faults(): void {
    const dice = this.#dice;
    for (let n = dice.below(4); n > 0; n -= 1)
      this.#add({ kind: 'crash', node: this.#anyNode(), forMs: dice.below(2000) });
    for (let n = dice.below(3); n > 0; n -= 1)
      this.#add({ kind: 'pause', node: this.#anyNode(), forMs: dice.below(2500) });
    for (let n = dice.below(4); n > 0; n -= 1) this.#add(this.#cut());
    for (let n = dice.below(3); n > 0; n -= 1)
      this.#add({ kind: 'weather', weather: this.#weather(), forMs: dice.below(4000) });
    for (let n = dice.below(2); n > 0; n -= 1)
      this.#add({ kind: 'slow', node: this.#anyNode(), forMs: dice.below(2000) });
    if (dice.below(3) === 0) this.#add({ kind: 'clock', node: this.#anyNode(), byMs: dice.below(20_000) - 10_000 });
    if (dice.below(4) === 0) this.#add({ kind: 'full', node: this.#anyNode(), forMs: dice.below(2500) });
    // Early, and for long enough to be noticed in many worlds.
    if (dice.below(3) === 0)
      this.items.push({
        at: dice.below(this.#lastsMs / 2),
        kind: 'hang',
        node: this.#anyNode(),
        forMs: dice.between(500, 6000),
      });
    if (dice.below(4) === 0) this.#add({ kind: 'failSync', node: this.#anyNode(), done: dice.below(2) === 0 });
    if (dice.below(3) === 0) this.#add({ kind: 'transfer', node: this.#anyNode() });
    if (dice.below(4) === 0) this.#add({ kind: 'scrub', node: this.#anyNode() });
    for (const node of this.#victims) this.#lose(node);
  }

  /** Learners come, are made voters, take others' places, and leave. */
  memberships(): void {
    const dice = this.#dice;
    let voters = this.#voters;
    let at = dice.below(1000);
    for (const spare of this.#spares) {
      const via = dice.pick(this.#voters);
      this.items.push({ at, kind: 'members', node: via, voters, learners: [spare] });
      const leaving = dice.pick(voters);
      voters = dice.below(3) === 0 ? [...voters, spare] : [...voters.filter((node) => node !== leaving), spare];
      at += 300 + dice.below(1500);
      this.items.push({
        at,
        kind: 'members',
        node: dice.below(2) === 0 ? via : dice.pick(voters),
        voters,
        learners: [],
      });
      at += 300 + dice.below(1500);
    }
  }

  #lose(node: string): void {
    const dice = this.#dice;
    const how = dice.below(8);
    if (how === 0) this.#add({ kind: 'wipe', node });
    else if (how === 1) {
      const kept = dice.below(this.#lastsMs / 2);
      this.items.push({ at: kept, kind: 'keep', node });
      this.items.push({ at: kept + 500 + dice.below(this.#lastsMs / 2), kind: 'rollBack', node });
    } else if (how <= 2) this.#clone(node);
    else if (how <= 6)
      for (let n = dice.between(1, 2); n > 0; n -= 1) this.#add({ kind: 'damage', node, how: dice.pick(DAMAGES) });
  }

  /** A snapshot of a volume with a log on it, made into a second volume that somebody starts: of this node, or on it. */
  #clone(on: string): void {
    const dice = this.#dice;
    const node = dice.below(3) === 0 ? dice.pick(this.#voters) : on;
    const kept = dice.below(this.#lastsMs / 2);
    this.items.push({ at: kept, kind: 'keep', node });
    const at = kept + 500 + dice.below(this.#lastsMs / 2);
    this.items.push({ at, kind: 'clone', node, on, forMs: dice.between(500, 4000) });
    // Some clones are made to be used while the original is away.
    if (dice.below(2) === 0)
      this.items.push({ at: at - dice.below(200), kind: 'crash', node, forMs: dice.below(3000) });
  }

  #cut(): Action {
    const dice = this.#dice;
    const all = [...this.#voters, ...this.#spares];
    const some = dice.shuffled(all).slice(0, 1 + dice.below(Math.max(1, all.length - 1)));
    const others = all.filter((node) => !some.includes(node));
    const forMs = dice.below(3500);
    const how = dice.below(3);
    // One way only, or between one pair only: the partitions that plain leader election does not survive (P9).
    if (how === 0) return { kind: 'cut', from: some, to: others, forMs };
    if (how === 1 && others.length > 0) {
      const pair = [dice.pick(some), dice.pick(others)];
      return { kind: 'cut', from: pair, to: pair, forMs };
    }
    return { kind: 'cut', from: all, to: some, forMs };
  }

  #weather(): Weather {
    const dice = this.#dice;
    return {
      lossPerMille: dice.pick([0, 20, 100, 300]),
      repeatPerMille: dice.pick([0, 20, 200]),
      jitterMs: dice.pick([1, 10, 60]),
      stragglePerMille: dice.pick([0, 10, 50]),
    };
  }

  #anyNode(): string {
    return this.#dice.pick([...this.#voters, ...this.#spares]);
  }

  #add(action: Action): void {
    this.items.push({ at: this.#dice.below(this.#lastsMs), ...action });
  }
}
