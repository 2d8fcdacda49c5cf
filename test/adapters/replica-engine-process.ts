/**
 * A replica's store without its worker, for a trace in which one thread does everything.
 *   replica-engine-process.js FILE ACKNOWLEDGED ROUNDS
 * Each round is some batches, of which the last one writes a checkpoint, after which the write-ahead file is folded. After
 * each batch its last slot is written to the file ACKNOWLEDGED.
 */
import { openSync, writeSync } from 'node:fs';
import { ReplicaEngine } from '#src/adapters/store-sqlite/replica/engine.js';
import { slot } from '#src/paxos/contiguous-log.js';
import { entry } from '../contract/log-store.js';
import { write } from '../contract/replica-store.js';
import { bytesOf } from '../contract/replica-store-subject.js';

const BATCHES = 6;
const [file = '', acknowledged = '', rounds = '0'] = process.argv.slice(2);
const answers = openSync(acknowledged, 'a');
const engine = new ReplicaEngine({ file, busyTimeoutMs: 1000, ballastBytes: 0 });
let last = slot(0);

function persist(isLast: boolean, ...entries: ReturnType<typeof entry>[]): void {
  const writes = [write(last + 1, last, ...entries)];
  engine.persist({
    writes,
    applied: last,
    ...(isLast && { checkpoint: { bytes: bytesOf(`state ${String(last)}`), keep: 2 } }),
  });
  last = slot(last + entries.length);
  writeSync(answers, String(last));
  engine.foldWhenDue();
}

for (let round = 1; round <= Number(rounds); round += 1)
  for (let batch = 1; batch <= BATCHES; batch += 1) {
    // Of different lengths, so that what is written over does not end where it ended before.
    const entries = Array.from({ length: 1 + ((round * batch) % 3) }, () => entry('x'.repeat(round * 700)));
    persist(batch === BATCHES, ...entries);
  }
engine.close();
