// The demo's writer: writes one counter into DB/counter, then the same into WAL/counter, again and again, buffered. So
// at any moment the first is equal to the second or one ahead, and a snapshot pair that is not is a mix.
//
//   writer.mjs DB WAL [CGROUP_PROCS]
import { openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const [db, wal, procs] = process.argv.slice(2);
if (procs !== undefined) writeFileSync(procs, String(process.pid));
const files = [db, wal].map((tree) => openSync(join(tree, 'counter'), 'w'));
let counter = 0;

function write() {
  for (let burst = 0; burst < 50; burst += 1) {
    counter += 1;
    for (const file of files) writeSync(file, String(counter).padStart(12, '0'), 0);
  }
  if (counter === 50) process.stdout.write('writing\n');
  setTimeout(write, 1);
}

write();
