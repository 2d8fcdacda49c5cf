/** Reads that are refused are asked again, but not without end in one turn of the event loop. */
import t from 'tap';
import { LinearReads } from '#src/log/linear-reads.js';
import { slot } from '#src/paxos/contiguous-log.js';
import type { Timers } from '#src/ports/timers.js';

const never: Timers = { after: () => () => undefined };

void t.test('P8 a leader that cannot confirm reads is asked once a tick, and goes on hearing its peers', async (t) => {
  let asked = 0;
  const reads: LinearReads = new LinearReads(
    {
      ask: (id) => {
        asked += 1;
        reads.answered(id, null);
        return true;
      },
      applied: () => slot(0),
      full: () => null,
      trouble: () => null,
    },
    never,
    { timeoutMs: 1_000, pendingMax: 10, firstId: 1 },
  );
  const read = reads.barrier();
  for (let turn = 0; turn < 100; turn += 1) reads.ask(7);
  t.equal(asked, 1, 'the turns of one tick ask once');
  reads.ask(8);
  t.equal(asked, 2, 'the next tick asks again');
  reads.retry(Infinity);
  t.equal(reads.pending, 1, 'and the read still waits for its answer');
  read.catch(() => undefined);
});

void t.test(
  'L6 a read that needs what a full disk does not take is told so at once; any other is answered',
  async (t) => {
    const disk = { full: null as string | null, applied: 3 };
    const asked: number[] = [];
    const reads = new LinearReads(
      {
        ask: (id) => {
          asked.push(id);
          return true;
        },
        applied: () => slot(disk.applied),
        full: () => disk.full,
        trouble: () => null,
      },
      never,
      { timeoutMs: 1_000, pendingMax: 10, firstId: 1 },
    );
    const first = t.rejects(
      reads.barrier(),
      { code: 'STORE_FULL', message: /cannot follow the log: no room/ },
      'one that waits',
    );
    reads.ask(1);
    reads.answered(asked[0] ?? 0, slot(4));
    disk.full = 'no room';
    reads.refuseWhileFull();
    await first;
    const second = t.rejects(reads.barrier(), { code: 'STORE_FULL' }, 'one that comes while it is full');
    reads.ask(2);
    reads.refuseWhileFull();
    t.equal(reads.pending, 1, 'what it needs is not known yet');
    reads.answered(asked[1] ?? 0, slot(4));
    await second;
    const third = reads.barrier();
    reads.ask(3);
    reads.answered(asked[2] ?? 0, slot(3));
    await third;
    t.equal(reads.pending, 0, 'what stands here is read');
  },
);
