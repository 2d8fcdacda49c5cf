/** What every log store must do, whatever it is made of. */
import type { Test } from 'tap';
import { SnapcommitError } from '#src/errors.js';
import { ballot, nodeId } from '#src/paxos/ballot.js';
import { slot, type LogEntry } from '#src/paxos/contiguous-log.js';
import type { Write } from '#src/paxos/effects.js';
import type { LogStore, StoreIdentity } from '#src/ports/log-store.js';

export const contractIdentity: StoreIdentity = {
  cluster: 'c0',
  node: 'alpha',
  incarnation: 3,
  configuration: { id: 1, voters: [nodeId('alpha')], learners: [], after: slot(0) },
  mode: 'embedded',
};

export interface StoreUnderTest {
  readonly store: LogStore;
  /** What another process, or the same one after a crash, would open. */
  reopen(): LogStore;
}

export function entry(text: string, round = 1): LogEntry {
  return { ballot: ballot(round, nodeId('alpha')), bytes: new TextEncoder().encode(text), next: null };
}

export function write(first: number, decided: number, ...entries: readonly LogEntry[]): Write {
  return {
    promised: ballot(2, nodeId('alpha')),
    accepted: ballot(1, nodeId('alpha')),
    decided: slot(decided),
    configuration: contractIdentity.configuration,
    abstains: null,
    first: slot(first),
    entries,
    install: null,
    sync: true,
  };
}

export function texts(entries: readonly LogEntry[]): readonly string[] {
  return entries.map((one) => new TextDecoder().decode(one.bytes));
}

export function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof SnapcommitError) return error.code;
    throw error;
  }
  return 'nothing was thrown';
}

/** Defines the suite's tests under `t`; `make` gives an empty store of `contractIdentity`. */
export function logStoreContract(t: Test, make: (t: Test) => StoreUnderTest): void {
  t.test('a new store is empty and knows whose it is', async (t) => {
    const { store } = make(t);
    store.snapshot((view) => {
      t.same(view.identity, contractIdentity);
      t.same(
        { ...view.head, promised: 0, accepted: 0 },
        { promised: 0, accepted: 0, abstains: null, decided: 0, applied: 0, base: 0, last: 0, checkpoint: 0 },
      );
      t.same(view.entries(slot(0)), []);
      t.equal(view.checkpoint(), null);
      t.equal(view.archived('app', 1), undefined);
    });
  });

  t.test('D2 ballots, rows and the decided slot are durable together', async (t) => {
    const { store, reopen } = make(t);
    store.exclusively((transaction) => {
      transaction.write(write(1, 1, entry('x'), entry('y')));
    });
    reopen().snapshot((view) => {
      t.same(view.head.promised, ballot(2, nodeId('alpha')));
      t.same(view.head.accepted, ballot(1, nodeId('alpha')));
      t.equal(view.head.decided, 1);
      t.equal(view.head.last, 2);
      t.same(texts(view.entries(slot(0))), ['x', 'y']);
      t.same(texts(view.entries(slot(1))), ['y']);
      t.same(texts(view.entries(slot(2))), []);
    });
  });

  t.test('rows of another leader replace the undecided tail', async (t) => {
    const { store, reopen } = make(t);
    store.exclusively((transaction) => {
      transaction.write(write(1, 1, entry('x'), entry('y'), entry('z')));
    });
    store.exclusively((transaction) => {
      transaction.write(write(2, 1, entry('w', 2)));
      t.same(texts(transaction.entries(slot(0))), ['x', 'w'], 'a transaction sees its own writes');
    });
    reopen().snapshot((view) => {
      t.same(texts(view.entries(slot(0))), ['x', 'w']);
      t.equal(view.entries(slot(1))[0]?.ballot.round, 2);
    });
  });

  t.test('P4 rows that would leave a hole are refused', async (t) => {
    const { store } = make(t);
    t.throws(() => {
      store.exclusively((transaction) => {
        transaction.write(write(2, 0, entry('y')));
      });
    }, /invariant I5/);
    t.equal(
      store.snapshot((view) => view.head.last),
      0,
    );
  });

  t.test('work that throws leaves nothing', async (t) => {
    const { store, reopen } = make(t);
    t.throws(() => {
      store.exclusively((transaction) => {
        transaction.write(write(1, 1, entry('x')));
        transaction.putArchived('app', 1, new Uint8Array([1]));
        throw new Error('no');
      });
    }, /no/);
    for (const one of [store, reopen()])
      one.snapshot((view) => {
        t.equal(view.head.last, 0);
        t.equal(view.archived('app', 1), undefined);
      });
  });

  t.test('D5 the archive and the applied slot change with the rows that they come from', async (t) => {
    const { store, reopen } = make(t);
    store.exclusively((transaction) => {
      transaction.write(write(1, 2, entry('x'), entry('y')));
      transaction.putArchived('app', 2, new Uint8Array([2]));
      transaction.putArchived('app', 1, new Uint8Array([1]));
      transaction.putArchived('other', 1, new Uint8Array([9]));
      transaction.setApplied(slot(2));
    });
    const again = reopen();
    again.snapshot((view) => {
      t.equal(view.head.applied, 2);
      t.same([...(view.archived('app', 2) ?? [])], [2]);
      t.same(
        view.archivedOf('app').map((row) => row.generation),
        [1, 2],
      );
    });
    again.exclusively((transaction) => {
      transaction.deleteArchived('app', 1);
    });
    t.same(
      again.snapshot((view) => view.archivedOf('app').map((row) => row.generation)),
      [2],
    );
  });

  t.test('nothing is applied that is not decided', async (t) => {
    const { store } = make(t);
    t.throws(() => {
      store.exclusively((transaction) => {
        transaction.write(write(1, 0, entry('x')));
        transaction.setApplied(slot(1));
      });
    }, /invariant I3/);
  });

  t.test('a checkpoint drops the rows that it covers but the newest few', async (t) => {
    const { store, reopen } = make(t);
    store.exclusively((transaction) => {
      transaction.write(write(1, 4, entry('1'), entry('2'), entry('3'), entry('4'), entry('5')));
      transaction.setApplied(slot(4));
      transaction.writeCheckpoint(new Uint8Array([4, 4]), 2);
    });
    const again = reopen();
    again.snapshot((view) => {
      t.equal(view.head.checkpoint, 4);
      t.equal(view.head.base, 2);
      t.same([...(view.checkpoint() ?? [])], [4, 4]);
      t.same(texts(view.entries(slot(2))), ['3', '4', '5']);
      t.same(texts(view.entries(slot(4))), ['5']);
    });
    again.exclusively((transaction) => {
      transaction.write(write(6, 6, entry('6')));
      transaction.setApplied(slot(6));
      transaction.writeCheckpoint(new Uint8Array([6]), 0);
    });
    const last = reopen();
    last.snapshot((view) => {
      t.same([view.head.base, view.head.checkpoint, view.head.last], [6, 6, 6]);
      t.same(view.entries(slot(6)), []);
    });
    last.exclusively((transaction) => {
      transaction.write(write(7, 7, entry('7')));
    });
    t.same(texts(reopen().snapshot((view) => view.entries(slot(6)))), ['7']);
    t.equal(reopen().scrub(), 1);
  });
}
