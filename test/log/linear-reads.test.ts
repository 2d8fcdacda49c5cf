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
