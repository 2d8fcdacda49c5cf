/**
 * A writer whose order can be checked afterwards. Round n writes, in this order and without any sync:
 *
 *   FIRST/counter   8 KiB full of n, in place, buffered
 *   SECOND/counter  the same
 *   FIRST/renamed   8 KiB full of n, written to a new name and renamed over it
 *   SECOND/renamed  the same
 *
 * so at every moment the four numbers fall by at most one from the first to the last.
 *
 *   counter-process.js FIRST SECOND CGROUP_PROCS
 */
import { openSync, closeSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const [first = '', second = '', procs = ''] = process.argv.slice(2);
const ROUNDS_AT_ONCE = 20;
const DIGITS = 16;
const COPIES = 512;
const trees = [first, second];
let round = 0;

writeFileSync(procs, String(process.pid));
const counters = trees.map((tree) => openSync(join(tree, 'counter'), 'w'));

function writeRound(): void {
  round += 1;
  const record = String(round).padStart(DIGITS, '0').repeat(COPIES);
  for (const counter of counters) writeSync(counter, record, 0);
  for (const tree of trees) {
    const fresh = openSync(join(tree, 'renamed.new'), 'w');
    writeSync(fresh, record);
    closeSync(fresh);
    renameSync(join(tree, 'renamed.new'), join(tree, 'renamed'));
  }
}

function writeOn(): void {
  for (let count = 0; count < ROUNDS_AT_ONCE; count += 1) writeRound();
  setTimeout(writeOn, 1);
}

writeRound();
process.stdout.write('writing\n');
writeOn();
