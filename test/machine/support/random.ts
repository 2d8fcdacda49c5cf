/**
 * Random operations for property tests. Each is made from a few small numbers and the state that it will meet, so that
 * most make sense there, and so that a failing run shrinks.
 */
import fc from 'fast-check';
import type { Entry } from '#src/machine/entry.js';
import { parseEntry, type Begun } from './parse.js';
import type { State } from '#src/machine/state.js';
import { expandRuns } from '#src/machine/runs.js';
import { openTransactions } from '#src/machine/queries.js';

export type Picks = readonly [verb: number, a: number, b: number, c: number];

/** SEED replays a run; every run says its own. */
export const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));

const VOLUMES = ['db', 'wal', '7', 'constructor', 'Zeta'];
const GROUPS = ['app', 'web', '12'];
const NODES = ['a', 'b', 'c'];
const TAGS = ['keep', 'Audit'];

/** Where every random history starts. */
export const SETUP = `
  putMember a
  putMember b
  putMember c
  addVolume db node=a
  addVolume wal node=b
  addVolume 7 node=b
  addVolume constructor node=c
  createGroup app volumes=db,wal
  createGroup web volumes=7,constructor,db
`;

type Maker = (state: State, a: number, b: number, c: number) => string;

const from = (values: readonly string[], n: number): string => values[n % values.length] ?? '';
const some = (values: readonly string[], n: number): string =>
  values.filter((_, i) => ((n + 1) >> (i % 4)) % 2 === 1).join(',');

/** Mostly an open transaction, else one that is over or that never was. */
function anyTransaction(state: State, a: number): string {
  const open = openTransactions(state).map(({ begin }) => begin.transaction);
  if (open.length > 0 && a < 10) return from(open, a);
  return state.finished.at(-1 - (a % 3))?.transaction ?? `t${String(a)}`;
}

/** Mostly a live generation. */
function anyGeneration(state: State, a: number, b: number): string {
  const group = from(GROUPS, a % 4);
  const live = expandRuns(state.groups[group]?.live ?? []);
  return `${group}@${String(live[b % (live.length + 1)] ?? b + 1)}`;
}

function request(c: number): string {
  return c < 6 ? ` request=r${String(c % 3)}:${c === 5 ? 'y' : 'x'}` : '';
}

const begin: Maker = (state, a, b, c) => {
  const group = from(GROUPS, a % 5);
  const id = c === 11 ? `t${String(b)}` : `t${String(state.applied)}`;
  const freeze = b % 4 === 0 ? ` freeze=${from(NODES, c)}:/app${from(['', '/x', '2', '/x/y'], c)}` : '';
  const newest = state.groups[group]?.newest ?? 0;
  const mode = from(['capture', 'capture', 'capture', 'transact', 'restore'], b);
  const source = mode === 'restore' ? ` source=${String(Math.max(1, newest - (c % 3)))}` : '';
  return `begin ${id} ${group} mode=${mode}${source}${freeze}${request(c)} node=${from(NODES, b)}`;
};
const commit: Maker = (state, a, b) =>
  `commit ${anyTransaction(state, a)}${b === 0 ? ' volumes=db' : ''}${b === 1 ? ' epoch=1' : ''}`;
const publish: Maker = (state, a, b, c) => {
  const pending = Object.keys(state.pending);
  const key = pending.length === 0 ? anyGeneration(state, a, b) : from(pending, a);
  const node = from(state.pending[key]?.nodes ?? NODES, c);
  const members = state.pending[key]?.record.manifest.volumes ?? [];
  // What it has now, or what it was to have when that was committed.
  const said = members.filter((one) => node === (b % 3 === 0 ? one.node : state.volumes[one.volume]?.record.node));
  return `published ${key} ${node} volumes=${said.map((one) => one.volume).join(',')}`;
};
const retire: Maker = (state, a, b, c) => {
  const group = from(GROUPS, a % 4);
  const live = expandRuns(state.groups[group]?.live ?? []);
  const first = b % Math.max(1, live.length);
  return `retire ${group} ${live.slice(first, first + 1 + (c % 2)).join(',') || '1'}`;
};

const WEIGHTED: readonly (readonly [weight: number, maker: Maker])[] = [
  [
    4,
    (_s, a, b, c) =>
      `addVolume ${from(VOLUMES, a)} node=${from(NODES, b)}${c === 0 ? ' source=/srv' : ''}${request(c + 4)}`,
  ],
  [1, (_s, a) => `removeVolume ${from(VOLUMES, a)}`],
  [1, (_s, a, b) => (b === 0 ? `forfeitVolume ${from(VOLUMES, a)}` : 'published none@1 a')],
  [3, (_s, a, b, c) => `moveVolume ${from(VOLUMES, a)} ${from(NODES, b)}${c === 0 ? ' filesystem=other' : ''}`],
  [1, (_s, a) => `drainNode ${from(NODES, a)}`],
  [2, (_s, a) => `undrainNode ${from(NODES, a)}`],
  [1, (_s, a, b) => `removeMember ${from(NODES, a)}${b < 2 ? ' forfeit=yes' : ''}`],
  [1, (_s, a) => `putMember ${from(NODES, a)}`],
  [2, (_s, a, b, c) => `createGroup ${from(GROUPS, a)} volumes=${some(VOLUMES, b)}${request(c + 4)}`],
  [1, (_s, a, b) => `updateGroup ${from(GROUPS, a)} volumes=${some(VOLUMES, b)}`],
  [1, (_s, a, b, c) => `updateGroup ${from(GROUPS, a)} volumes=${some(VOLUMES, b)} replaces=${some(VOLUMES, c)}`],
  [1, (s, a, b) => removeGroup(s, a, b)],
  [8, begin],
  [1, (s, a, b) => `takeOver ${anyTransaction(s, a)} node=${from(NODES, b)}`],
  [8, commit],
  [2, (s, a, b) => `abort ${anyTransaction(s, a)} epoch=${String(epochSlot(s, a) - (b === 0 ? 1 : 0))}`],
  [9, publish],
  [3, retire],
  [1, (s, a, b, c) => `addHold ${anyGeneration(s, a, b)} ${from(TAGS, c)}${request(c)}`],
  [1, (s, a, b, c) => `releaseHold ${anyGeneration(s, a, b)} ${from(TAGS, c)}`],
  [1, (s, a, b, c) => `addPin p${String(c)} ${anyGeneration(s, a, b)}`],
  [1, (s, _a, _b, c) => `releasePin ${Object.keys(s.pins)[0] ?? `p${String(c)}`}`],
];

function removeGroup(state: State, a: number, b: number): string {
  const group = from(GROUPS, a);
  const live = expandRuns(state.groups[group]?.live ?? []);
  return `removeGroup ${group}${b < 4 ? ` generations=${live.join(',')}` : ''}`;
}

function epochSlot(state: State, a: number): number {
  return state.open[anyTransaction(state, a)]?.epoch.slot ?? 0;
}

const MAKERS = WEIGHTED.flatMap(([weight, maker]) => Array.from({ length: weight }, () => maker));

const small = fc.nat({ max: 11 });
const picks: fc.Arbitrary<Picks> = fc.tuple(fc.nat({ max: MAKERS.length - 1 }), small, small, small);
export const scripts = fc.array(picks, { minLength: 20, maxLength: 120, size: 'max' });

export function randomEntry([verb, a, b, c]: Picks, state: State, begun: ReadonlyMap<string, Begun>): Entry {
  const maker = MAKERS[verb % MAKERS.length];
  if (maker === undefined) throw new Error('no maker');
  const entry = parseEntry(maker(state, a, b, c), { state, begun });
  return { ...entry, at: 1000 + ((a * 37 + b * 11 + c) % 500) };
}
