/** A random schedule: what people run and what fails, and when. From a seed alone. */
import { Dice, seedFor } from '../simulation/random.js';
import { FAIR, type Weather } from '../simulation/network.js';

export type Errand = 'commit' | 'transact' | 'restore' | 'open' | 'recover' | 'prune';

export type Action =
  | { readonly kind: 'run'; readonly errand: Errand; readonly node: string }
  | { readonly kind: 'killDaemon'; readonly node: string; readonly forMs: number }
  /** The oldest command that runs there. */
  | { readonly kind: 'killCommand'; readonly node: string }
  | { readonly kind: 'power'; readonly node: string; readonly forMs: number }
  | { readonly kind: 'pauseDaemon'; readonly node: string; readonly forMs: number }
  | { readonly kind: 'pauseCommand'; readonly node: string; readonly forMs: number }
  | { readonly kind: 'cut'; readonly from: readonly string[]; readonly to: readonly string[]; readonly forMs: number }
  | { readonly kind: 'weather'; readonly weather: Weather; readonly forMs: number }
  | { readonly kind: 'clock'; readonly node: string; readonly byMs: number }
  | { readonly kind: 'stuck'; readonly node: string; readonly forMs: number }
  | { readonly kind: 'full'; readonly volume: string; readonly forMs: number }
  /** A call of the driver fails; what it did is nothing, everything, or comes later. */
  | {
      readonly kind: 'fails';
      readonly volume: string;
      readonly method: FailingMethod;
      readonly effect: 'none' | 'done' | 'late';
    };

export type FailingMethod = 'stage' | 'rename' | 'sync' | 'flush' | 'remove' | 'clone' | 'seal' | 'exchange';

export type ScheduleItem = Action & { readonly at: number };

export interface Schedule {
  readonly seed: number;
  readonly nodes: readonly string[];
  /** `NODE:NAME` or `NODE:NAME:POOL`, see WorldOptions. */
  readonly volumes: readonly string[];
  readonly hooks: boolean;
  /** Whether the application writes on; where it does a transact meets a conflict. */
  readonly writes: boolean;
  readonly lastsMs: number;
  readonly items: readonly ScheduleItem[];
}

const NODES = ['a', 'b', 'c', 'd', 'e'] as const;
const VOLUMES = ['db', 'wal', 'blobs', 'index', 'queue', 'mail'] as const;
const METHODS: readonly FailingMethod[] = ['stage', 'rename', 'sync', 'flush', 'remove', 'clone', 'seal', 'exchange'];

export function scheduleFor(seed: number): Schedule {
  const dice = new Dice(seedFor(seed, 'schedule'));
  const nodes = NODES.slice(0, dice.perMille(800) ? 3 : 5);
  // Where all volumes lie on one node, their trees can be exchanged, too.
  const placed = dice.perMille(300) ? nodes.slice(0, 1) : nodes.slice(0, dice.between(2, nodes.length));
  const volumes = VOLUMES.slice(0, dice.between(2, 5)).map(
    (name, index) => `${placed[index % placed.length] ?? 'a'}:${name}`,
  );
  const lastsMs = dice.between(2000, 6000);
  const items = [...errands(dice, nodes, placed, lastsMs), ...faults(dice, nodes, volumes, lastsMs)].sort(
    (a, b) => a.at - b.at,
  );
  return {
    seed,
    nodes,
    volumes: inPools(seed, volumes),
    hooks: dice.perMille(500),
    writes: placed.length > 1 || dice.perMille(200),
    lastsMs,
    items,
  };
}

/** In some worlds all volumes stand in pools, two on a machine at most. */
function inPools(seed: number, volumes: readonly string[]): readonly string[] {
  const dice = new Dice(seedFor(seed, 'pools'));
  if (!dice.perMille(400)) return volumes;
  return volumes.map((volume) => `${volume}:${dice.perMille(700) ? 'tank' : 'dozer'}`);
}

function errands(
  dice: Dice,
  nodes: readonly string[],
  placed: readonly string[],
  lastsMs: number,
): readonly ScheduleItem[] {
  return Array.from({ length: dice.between(3, 10) }, (): ScheduleItem => {
    const errand = dice.pick<Errand>([
      'commit',
      'commit',
      'commit',
      'commit',
      'open',
      'restore',
      'transact',
      'recover',
      'prune',
    ]);
    const node = errand === 'transact' ? (placed[0] ?? 'a') : dice.pick(nodes);
    return { kind: 'run', errand, node, at: dice.below(lastsMs) };
  });
}

function faults(
  dice: Dice,
  nodes: readonly string[],
  volumes: readonly string[],
  lastsMs: number,
): readonly ScheduleItem[] {
  return Array.from({ length: dice.below(9) }, (): ScheduleItem => ({
    ...fault(dice, nodes, volumes),
    at: dice.below(lastsMs),
  }));
}

function fault(dice: Dice, nodes: readonly string[], volumes: readonly string[]): Action {
  const node = dice.pick(nodes);
  const volume = dice.pick(volumes);
  const forMs = dice.between(20, 2500);
  const [some, others] = split(dice, nodes);
  const kinds: readonly (() => Action)[] = [
    () => ({ kind: 'killDaemon', node, forMs: dice.between(10, 1500) }),
    () => ({ kind: 'killDaemon', node, forMs: dice.between(10, 1500) }),
    () => ({ kind: 'killCommand', node }),
    () => ({ kind: 'killCommand', node }),
    () => ({ kind: 'power', node, forMs }),
    () => ({ kind: 'power', node, forMs }),
    () => ({ kind: 'pauseDaemon', node, forMs }),
    () => ({ kind: 'pauseCommand', node, forMs }),
    () => ({ kind: 'pauseCommand', node, forMs }),
    () => ({ kind: 'cut', from: some, to: others, forMs }),
    () => ({ kind: 'cut', from: nodes, to: some, forMs }),
    () => ({ kind: 'weather', weather: weatherFrom(dice), forMs }),
    () => ({ kind: 'clock', node, byMs: dice.pick([-3_600_000, -500, 500, 3_600_000]) }),
    () => ({ kind: 'stuck', node, forMs }),
    () => ({ kind: 'full', volume, forMs }),
    () => ({ kind: 'fails', volume, method: dice.pick(METHODS), effect: dice.pick(['none', 'done', 'late'] as const) }),
    () => ({ kind: 'fails', volume, method: 'stage', effect: dice.pick(['none', 'done', 'late'] as const) }),
  ];
  return dice.pick(kinds)();
}

function split(dice: Dice, nodes: readonly string[]): readonly [readonly string[], readonly string[]] {
  const mixed = dice.shuffled(nodes);
  const count = dice.between(1, mixed.length - 1);
  return [mixed.slice(0, count), mixed.slice(count)];
}

function weatherFrom(dice: Dice): Weather {
  return {
    ...FAIR,
    lossPerMille: dice.pick([0, 20, 200]),
    repeatPerMille: dice.pick([0, 50, 300]),
    jitterMs: dice.pick([1, 10, 60]),
    stragglePerMille: dice.pick([0, 10, 50]),
  };
}
