/** Every fault at every effect of every phase, for small groups. */
import { Dice, seedFor } from '../simulation/random.js';
import { runCase, type CaseOptions, type Fault } from './crash-case.js';

export type Setup = Omit<CaseOptions, 'at' | 'fault' | 'second' | 'traced'>;

const NODES = ['a', 'b', 'c'] as const;
const ACROSS = { nodes: NODES, volumes: ['a:db', 'b:wal', 'b:blobs'], hooks: true, writes: true } as const;
const ALONE = { nodes: NODES, volumes: ['a:db', 'a:wal'], hooks: false, writes: false } as const;

/** Seeds under which different machines lead. */
export const SETUPS: Readonly<Record<string, Setup>> = {
  commit: { ...ACROSS, seed: 1, on: 'a', errand: 'commit' },
  'commit from a node without volumes': { ...ACROSS, seed: 2, on: 'c', errand: 'commit' },
  restore: { ...ACROSS, seed: 3, on: 'a', errand: 'restore' },
  transact: { ...ALONE, seed: 4, on: 'a', errand: 'transact' },
  'commit over pools': {
    ...ACROSS,
    volumes: ['a:db:tank', 'b:wal:tank', 'b:blobs:tank'],
    seed: 5,
    on: 'a',
    errand: 'commit',
  },
  'transact in a pool': { ...ALONE, volumes: ['a:db:tank', 'a:wal:tank'], seed: 6, on: 'a', errand: 'transact' },
};

export const FAULTS: readonly Fault[] = [
  { kind: 'kill', whom: 'command', node: 'a' },
  ...NODES.map((node): Fault => ({ kind: 'kill', whom: 'daemon', node })),
  { kind: 'kill', whom: 'daemon', node: null },
  ...NODES.map((node): Fault => ({ kind: 'power', node })),
  { kind: 'power', node: null },
  { kind: 'pause', whom: 'command', node: 'a', forMs: 3000 },
  { kind: 'pause', whom: 'daemon', node: 'b', forMs: 900 },
];

/** All of a setup's. */
export async function casesOf(setup: Setup): Promise<readonly CaseOptions[]> {
  const calm = await runCase({ ...setup, at: null, fault: null, second: null, traced: false });
  if (calm.violation !== null) throw calm.violation;
  return FAULTS.flatMap((fault) =>
    Array.from({ length: calm.boundaries }, (_, index): CaseOptions => ({
      ...setup,
      at: index + 1,
      fault,
      second: null,
      traced: false,
    })),
  );
}

/** The same cases, each with one more fault soon after its own. */
export function withSecond(seed: number, cases: readonly CaseOptions[]): readonly CaseOptions[] {
  const dice = new Dice(seedFor(seed, 'second'));
  return cases.map((options) => ({ ...options, second: { after: dice.between(1, 150), fault: dice.pick(FAULTS) } }));
}

export function sample<T>(seed: number, all: readonly T[], count: number): readonly T[] {
  return new Dice(seedFor(seed, 'sample')).shuffled(all).slice(0, count);
}
