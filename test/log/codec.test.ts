import t from 'tap';
import {
  decodeEntry,
  decodeGeneration,
  decodeState,
  encodeEntry,
  encodeGeneration,
  encodeState,
  stateHash,
} from '#src/log/codec.js';
import type { Entry, Slot, TransactionId } from '#src/machine/entry.js';
import { emptyState, type GenerationRecord, type State } from '#src/machine/state.js';

const transaction = '01h00000000000000000000000' as TransactionId;
const epoch = { incarnation: 1, slot: 7 as Slot };
const coordinator = { node: 'alpha', bootId: 'b', pid: 4_194_304, startTime: 9_007_199_254_740_991 };
const consistency = { grade: 'barrier', stallMs: 12, skewMs: 3, frozen: ['alpha:/app'], hosts: [] } as const;
const volume = {
  volume: 'db',
  node: 'alpha',
  driver: 'btrfs',
  staged: '.s',
  id: 'u',
  swap: { base: 'b', clone: 'c', cloneName: '.c' },
} as const;
const manifest = { consistency, volumes: [volume] };

const operations: readonly Entry['operation'][] = [
  { type: 'commit', transaction, epoch, manifest },
  { type: 'abort', transaction, epoch, code: 'TIMED_OUT', reason: 'née “late”' },
  { type: 'retire', group: 'app', generations: [1, 2, 300, 70_000] },
  {
    type: 'begin',
    transaction,
    mode: 'transact',
    group: 'app',
    members: [{ volume: 'db', node: 'alpha', driver: 'btrfs', base: null }],
    freezeTargets: [],
    coordinator,
    deadline: 1_700_000_000_000,
    expectGeneration: 0,
    sourceGeneration: null,
    message: '',
    labels: { constructor: 'x', 'a.b': 'y', '10': 'z' },
  },
  { type: 'addToken', hash: '0f'.repeat(32), expires: 1_700_000_000_000, node: null },
  { type: 'useToken', hash: '0f'.repeat(32), node: 'beta', key: '1e'.repeat(32), address: 'beta:7440' },
  { type: 'putMember', node: 'alpha', address: '[::1]:7440' },
  { type: 'removeMember', node: 'alpha', forfeit: true },
  { type: 'drainNode', node: 'alpha' },
  { type: 'undrainNode', node: 'alpha' },
];

t.test('every entry comes back as it was', async (t) => {
  for (const operation of operations)
    for (const request of [null, { id: 'r', digest: 'd' }]) {
      for (const append of [null, { client: 'c1', sequence: 3, since: 9 as Slot }]) {
        const entry: Entry = { at: 1_700_000_000_123, request, append, operation };
        t.same(decodeEntry(encodeEntry(entry)), entry);
      }
    }
});

t.test('P10 equal values are equal bytes, in whatever order their keys were set', async (t) => {
  const [, , retire] = operations;
  if (retire?.type !== 'retire') throw new Error('the third operation retires');
  const one: Entry = { at: 1, request: null, append: null, operation: retire };
  const other: Entry = {
    operation: { generations: retire.generations, group: 'app', type: 'retire' },
    append: null,
    request: null,
    at: 1,
  };
  t.same(encodeEntry(one), encodeEntry(other));
  const empty = emptyState(1);
  const turned = Object.fromEntries(Object.entries(empty).reverse()) as unknown as State;
  t.equal(stateHash(empty), stateHash(turned));
  t.not(stateHash(empty), stateHash(emptyState(2)));
});

t.test('a state and a generation come back as they were', async (t) => {
  const state: State = { ...emptyState(3), clock: 1_700_000_000_000, holds: { 'app@1': ['keep'] } };
  t.same(decodeState(encodeState(state)), state);
  const record: GenerationRecord = {
    group: 'app',
    generation: 12,
    transaction,
    mode: 'capture',
    epoch,
    slot: 9 as Slot,
    committedAt: 1_700_000_000_001,
    message: 'm',
    labels: { k: 'v' },
    sourceGeneration: null,
    manifest,
  };
  t.same(decodeGeneration(encodeGeneration(record)), record);
});

t.test('an entry and a checkpoint from before there were clusters are read', async (t) => {
  const entry: Entry = { at: 1, request: null, append: null, operation: { type: 'releasePin', pin: 'p' } };
  const { append, ...before } = entry;
  t.equal(append, null);
  t.same(encodeEntry(entry), encodeState(before as unknown as State), 'and what names no append is written as it was');
  t.same(decodeEntry(encodeState(before as unknown as State)), entry);
  const { appends, members, departed, tokens, ...old } = emptyState(3);
  t.same(decodeState(encodeState(old as unknown as State)), { ...old, appends, members, departed, tokens });
});

t.test('bytes that are something else are refused by name', async (t) => {
  const entry: Entry = {
    at: 1,
    request: null,
    append: null,
    operation: { type: 'removeGroup', group: 'app', generations: [] },
  };
  const broken: readonly [RegExp, unknown][] = [
    [/entry\.at/, { ...entry, at: 1.5 }],
    [/entry\.at/, { ...entry, at: -1 }],
    [/entry\.extra/, { ...entry, extra: 1 }],
    [/entry\.operation\.type/, { ...entry, operation: { type: 'unheardOf' } }],
    [/entry\.operation\.group/, { ...entry, operation: { type: 'removeGroup', generations: [] } }],
    [/entry\.request/, { ...entry, request: 'r' }],
    [/entry\.append\.sequence/, { ...entry, append: { client: 'c', sequence: -1, since: 0 } }],
  ];
  for (const [wanted, value] of broken) {
    t.throws(() => encodeEntry(value as Entry), wanted);
    t.throws(() => decodeEntry(encodeState(value as State)), wanted, 'decoding checks the same');
  }
  t.throws(() => decodeEntry(new Uint8Array([0xff])));
  t.throws(() => decodeState(encodeEntry(entry)), /format/);
});
