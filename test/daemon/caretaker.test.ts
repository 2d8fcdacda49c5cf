/** A daemon's caretaker over ports that fail: what it goes on with, and what it leaves alone. */
import t from 'tap';
import { createMemoryNodeFiles } from '#src/adapters/node-files-memory.js';
import { Caretaker } from '#src/daemon/caretaker/caretaker.js';
import { Orphans } from '#src/daemon/caretaker/orphans.js';
import { contextOver } from '#src/daemon/compose.js';
import { emptyState, type GenerationRecord, type OpenTransaction, type State } from '#src/machine/state.js';
import type { Context } from '#src/participant/context.js';
import type { LocalParticipant } from '#src/participant/local-participant.js';
import type { KernelLocks, LockHolder } from '#src/ports/locks.js';
import { until } from '../support/until.js';
import type { ReplicatedLog } from '#src/ports/log.js';
import { logWith } from './support.js';

const REACHABLE = { unreachableForMs: () => null, isLeader: () => true };

function locksOf(holders: (name: string) => readonly LockHolder[]): KernelLocks {
  const refuse = (): never => {
    throw new Error('no lock is taken here');
  };
  return { tryAcquire: refuse, acquire: refuse, forget: refuse, endHolders: refuse, holders };
}

function contextOf(state: () => State, monotonic: () => number, locks: KernelLocks): Context {
  const nothing = async (): Promise<readonly never[]> => Promise.resolve([]);
  const append = async (): Promise<never> => Promise.reject(new Error('nothing is to be appended'));
  const log: ReplicatedLog = { ...logWith({ read: async () => Promise.resolve(state()) }), append };
  return {
    ...contextOver(log, { stateDirectory: '/state' }),
    clock: { now: () => 0, monotonic },
    files: createMemoryNodeFiles(),
    self: { node: 'alpha', pid: 1, startTime: 1, bootId: '' },
    writers: async () => Promise.resolve({ thawAll: nothing, intents: nothing } as never),
    sandbox: async () => Promise.resolve({ leftovers: nothing } as never),
    locks: async () => Promise.resolve(locks),
  };
}

function openOn(node: string, mode: 'capture' | 'transact' = 'capture'): OpenTransaction {
  return { begin: { transaction: 't1', mode, members: [] }, coordinator: { node } } as unknown as OpenTransaction;
}

t.test('a generation that cannot be published hides none of another group', async (t) => {
  const waiting = (group: string) => ({
    record: { group, generation: 1, slot: 1, transaction: group } as unknown as GenerationRecord,
    nodes: ['alpha'],
  });
  const state: State = { ...emptyState(1), pending: { 'a@1': waiting('a'), 'b@1': waiting('b') } };
  const tried: string[] = [];
  const participant = {
    endStale: async () => Promise.resolve(),
    publishRecord: async ({ group }: GenerationRecord) => {
      tried.push(group);
      return Promise.reject(new Error('a volume is gone'));
    },
  } as unknown as LocalParticipant;
  const told: string[] = [];
  const note = ({ reason }: { readonly reason?: string }): void => void told.push(reason ?? '');
  const caretaker = new Caretaker({
    context: contextOf(
      () => state,
      () => 0,
      locksOf(() => []),
    ),
    participant,
    settings: { takeOverAfterMs: 1, stoppedGraceMs: 1 },
    surroundings: REACHABLE,
    logger: { info: note, warn: note, error: note } as never,
  });
  caretaker.start();
  await until('both are tried', () => tried.length === 2);
  await caretaker.end();
  t.same(tried.sort(), ['a', 'b']);
  t.match(told.join(), /a volume is gone/);
});

t.test('L4 a coordinator of this node is gone when its lock is free, and not while it runs', async (t) => {
  let holders: LockHolder[] = [{ pid: 7, state: 'S', command: 'snapcommit' }];
  const state: State = { ...emptyState(1), open: { t1: openOn('alpha') } };
  const context = contextOf(
    () => state,
    () => 1e9,
    locksOf(() => holders),
  );
  const orphans = new Orphans(context, { takeOverAfterMs: 0, stoppedGraceMs: 0 }, REACHABLE);
  t.same(await orphans.find(state), [], 'it runs, however long');
  holders = [];
  t.equal((await orphans.find(state)).length, 1);
});

t.test('L2 a coordinator that sleeps is left some time, counted from when it was seen asleep', async (t) => {
  let now = 1000;
  let holders: LockHolder[] = [{ pid: 7, state: 'T', command: 'snapcommit' }];
  const state: State = { ...emptyState(1), open: { t1: openOn('alpha') } };
  const context = contextOf(
    () => state,
    () => now,
    locksOf(() => holders),
  );
  const orphans = new Orphans(context, { takeOverAfterMs: 0, stoppedGraceMs: 500 }, REACHABLE);
  t.same(await orphans.find(state), []);
  now += 400;
  holders = [{ pid: 7, state: 'R', command: 'snapcommit' }];
  t.same(await orphans.find(state), [], 'it woke up');
  holders = [{ pid: 7, state: 'T', command: 'snapcommit' }];
  now += 400;
  t.same(await orphans.find(state), [], 'and counts anew');
  now += 500;
  t.equal((await orphans.find(state)).length, 1);
});

t.test(
  'another node’s transaction is taken over by the leader when that node has been away; its command never',
  async (t) => {
    let away: number | null = null;
    let leads = true;
    const surroundings = { unreachableForMs: () => away, isLeader: () => leads };
    const find = async (mode: 'capture' | 'transact'): Promise<number> => {
      const state: State = { ...emptyState(1), open: { t1: openOn('beta', mode) } };
      const context = contextOf(
        () => state,
        () => 0,
        locksOf(() => []),
      );
      return (await new Orphans(context, { takeOverAfterMs: 500, stoppedGraceMs: 0 }, surroundings).find(state)).length;
    };
    t.equal(await find('capture'), 0, 'it is reached: its own daemon sees to it');
    away = 499;
    t.equal(await find('capture'), 0);
    away = 500;
    t.equal(await find('capture'), 1);
    leads = false;
    away = 1e9;
    t.equal(await find('capture'), 0, 'a bystander who does not reach it does not judge');
    leads = true;
    t.equal(await find('transact'), 0);
  },
);
