/** Group commit over a store whose syncs end when the test says so. */
import t from 'tap';
import { GroupCommit } from '#src/log/group-commit.js';
import { ballot as ballotOf, NO_BALLOT, nodeId } from '#src/paxos/ballot.js';
import { slot } from '#src/paxos/contiguous-log.js';
import type { Effect } from '#src/paxos/effects.js';
import type { StoreLife } from '#src/ports/replica-store.js';
import { one } from '../paxos/support.js';

const LIFE: StoreLife = { id: 's', starts: 1, nonce: 'n', batches: 1, startedAt: 0, earlier: [] };
const WRITE: Effect = {
  kind: 'persist',
  write: {
    promised: NO_BALLOT,
    accepted: NO_BALLOT,
    decided: slot(0),
    configuration: one,
    abstains: null,
    first: slot(1),
    entries: [],
    install: null,
    sync: true,
  },
};

interface Bench {
  readonly commit: GroupCommit;
  /** Batches that the store has not answered. */
  readonly syncs: (() => void)[];
  /** Ends the oldest sync. */
  settle(): Promise<void>;
}

function bench(perform: (effect: Effect) => void = () => undefined): Bench {
  const syncs: (() => void)[] = [];
  const commit = new GroupCommit(
    { persist: () => new Promise((resolve) => syncs.push(() => resolve(LIFE))) },
    {
      perform,
      installing: () => undefined,
      alongside: () => ({}),
      onDurable: () => undefined,
      onFailed: (error) => t.fail(String(error)),
    },
  );
  const settle = async (): Promise<void> => {
    syncs.shift()?.();
    await turn();
  };
  return { commit, syncs, settle };
}

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** Whether it has resolved yet, as of each look. */
function watched(work: Promise<void>): { readonly isDone: boolean } {
  const state = { isDone: false };
  void work.then(() => {
    state.isDone = true;
  });
  return state;
}

t.test('who waits for a batch waits for no later one, however far behind the disk is', async (t) => {
  const { commit, syncs, settle } = bench();
  commit.add([WRITE]);
  await turn();
  commit.add([WRITE]);
  const second = watched(commit.durable());
  await settle();
  t.notOk(second.isDone, 'the first batch is not what it waits for');
  commit.add([WRITE]);
  await settle();
  t.ok(second.isDone, 'the second one is');
  t.equal(syncs.length, 1, 'while the third is under way');
  commit.add([WRITE]);
  const fourth = watched(commit.durable());
  await settle();
  t.notOk(fourth.isDone);
  await settle();
  t.ok(fourth.isDone);
});

t.test('a vote leaves before what it comes with is applied, and a stop in between ends it all', async (t) => {
  const ballot = ballotOf(1, nodeId('b'));
  const message = { type: 'accepted', ballot, last: slot(1) } as const;
  const effects: readonly Effect[] = [
    WRITE,
    { kind: 'send', envelope: { from: nodeId('a'), to: nodeId('b'), configuration: 1, message } },
    { kind: 'chosen', first: slot(1), entries: [] },
    { kind: 'healed' },
  ];
  for (const stops of [false, true]) {
    const done: string[] = [];
    const { commit, settle } = bench(({ kind }) => {
      done.push(kind);
      if (kind !== 'send') return;
      // As a connection's queue does.
      queueMicrotask(() => {
        done.push('left');
        if (stops) commit.stop();
      });
    });
    commit.add(effects);
    await turn();
    const durable = watched(commit.durable());
    await settle();
    t.same(done, stops ? ['send', 'left'] : ['send', 'left', 'chosen', 'healed']);
    t.ok(durable.isDone, 'who waits for the batch is let go');
    t.equal(commit.waiting, stops ? 2 : 0);
  }
});

t.test('with nothing under way nobody waits; what ends lets everybody go', async (t) => {
  const { commit } = bench();
  await t.resolves(commit.durable());
  commit.add([WRITE]);
  const waiting = watched(commit.durable());
  await turn();
  t.notOk(waiting.isDone);
  commit.stop();
  await turn();
  t.ok(waiting.isDone);
  await t.resolves(commit.durable());
});

t.test('the oldest batch under way has a number, which says whether the disk moves', async (t) => {
  const { commit, settle } = bench();
  t.equal(commit.oldest, null);
  commit.add([WRITE]);
  await turn();
  t.equal(commit.oldest, 1);
  commit.add([WRITE]);
  await turn();
  t.equal(commit.oldest, 1, 'still the same');
  await settle();
  t.equal(commit.oldest, 2);
  await settle();
  t.equal(commit.oldest, null);
});
