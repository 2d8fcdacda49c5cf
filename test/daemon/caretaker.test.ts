/** A daemon's caretaker over ports that fail: what it goes on with, and what it leaves alone. */
import t from 'tap';
import { createMemoryNodeFiles } from '#src/adapters/node-files-memory.js';
import { Caretaker } from '#src/daemon/caretaker/caretaker.js';
import { Orphans } from '#src/daemon/caretaker/orphans.js';
import { contextOver } from '#src/daemon/compose.js';
import { SnapcommitError } from '#src/errors.js';
import { emptyState, type GenerationRecord, type OpenTransaction, type State } from '#src/machine/state.js';
import type { Context } from '#src/participant/context.js';
import type { LocalParticipant } from '#src/participant/local-participant.js';
import type { KernelLocks, LockHolder } from '#src/ports/locks.js';
import { FakeTime } from '../support/call-world.js';
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
  const coordinator = { node, pid: 7 };
  return { begin: { transaction: 't1', mode, members: [], coordinator }, coordinator } as unknown as OpenTransaction;
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

t.test('a publish that hangs holds up no other group’s, no abort and no sweep', async (t) => {
  const waiting = (group: string, generation: number) => ({
    record: {
      group,
      generation,
      slot: generation,
      transaction: `${group}-${String(generation)}`,
    } as unknown as GenerationRecord,
    nodes: ['alpha'],
  });
  let state: State = { ...emptyState(1), pending: { 'a@1': waiting('a', 1) } };
  const tried: string[] = [];
  const participant = {
    endStale: async () => Promise.resolve(),
    publishRecord: async ({ group, generation }: GenerationRecord) => {
      tried.push(`${group}@${String(generation)}`);
      return group === 'a' ? new Promise(() => undefined) : Promise.resolve();
    },
  } as unknown as LocalParticipant;
  const time = new FakeTime();
  const ended: string[] = [];
  const locks: KernelLocks = {
    ...locksOf(() => []),
    endHolders: async (name) => {
      ended.push(name);
      return Promise.reject(new Error('it is in D state'));
    },
    acquire: async () => Promise.reject(new Error('it is in D state')),
  };
  const caretaker = new Caretaker({
    context: {
      ...contextOf(
        () => state,
        () => time.monotonic(),
        locks,
      ),
      timers: time,
    },
    participant,
    settings: { takeOverAfterMs: 1, stoppedGraceMs: 1 },
    surroundings: REACHABLE,
    logger: {
      info: () => undefined,
      warn: () => undefined,
      error: (_: unknown, what: string) => void ended.push(what),
    } as never,
  });
  caretaker.start();
  await time.pass(1);
  t.same(tried, ['a@1']);
  state = { ...state, pending: { ...state.pending, 'b@1': waiting('b', 1) }, open: { t1: openOn('alpha') } };
  await time.pass(1000);
  t.ok(tried.includes('b@1'), 'the other group is published');
  t.ok(ended.includes('a transaction that nobody drives was not aborted yet'), 'what nobody drives is ended');
  t.same(
    tried.filter((name) => name === 'a@1'),
    ['a@1'],
    'what hangs is not begun again beside itself',
  );
  let isOver = false;
  const over = caretaker.end().then(() => (isOver = true));
  await time.pass(4_999);
  t.notOk(isOver, 'what is under way gets some time at the end');
  await time.pass(2);
  await over;
});

/** A caretaker that catches up with a log that `read` answers for. */
function catchingUp(time: FakeTime, read: () => Promise<State>): Caretaker {
  const context = contextOf(
    () => emptyState(1),
    () => time.monotonic(),
    locksOf(() => []),
  );
  const log: ReplicatedLog = { ...context.log, read };
  return new Caretaker({
    context: { ...context, log, timers: time },
    participant: { endStale: async () => Promise.resolve() } as unknown as LocalParticipant,
    settings: { takeOverAfterMs: 1, stoppedGraceMs: 1 },
    surroundings: REACHABLE,
    logger: { info: () => undefined, warn: () => undefined, error: () => undefined } as never,
  });
}

t.test(
  'T1 who asks for this node’s part before it has caught up waits some seconds, and is told what keeps it',
  async (t) => {
    const time = new FakeTime();
    let answer: () => Promise<State> = async () => Promise.reject(new SnapcommitError('UNAVAILABLE', 'no majority'));
    const caretaker = catchingUp(time, async () => answer());
    caretaker.start();
    const late = t.rejects(caretaker.ready(), {
      code: 'UNAVAILABLE',
      message: /node alpha is still finishing what was decided while it was down: no majority/,
    });
    await time.pass(5_001);
    await late;
    const early = t.resolves(caretaker.ready(), 'as soon as it has caught up');
    answer = async () => Promise.resolve(emptyState(1));
    await time.pass(4_000);
    await early;
    await t.resolves(caretaker.ready(), 'and from then on at once');
    await caretaker.end();
  },
);

t.test(
  'D9 who asks for this node’s part while its log is lost is told so at once, and so is who asks later',
  async (t) => {
    const time = new FakeTime();
    const lost = new SnapcommitError('LOG_BEHIND_STAMP', 'this log is an older copy');
    const caretaker = catchingUp(time, async () => Promise.reject(lost));
    const asked = t.rejects(caretaker.ready(), { code: 'LOG_BEHIND_STAMP' });
    caretaker.start();
    await time.pass(1);
    await asked;
    await t.rejects(caretaker.ready(), { code: 'LOG_BEHIND_STAMP' });
    await caretaker.end();
  },
);

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
