#!/usr/bin/env node
// `npm run bench:zfs`: boots a virtual machine with OpenZFS and measures in it how long writers on eight datasets of one
// pool stand still in a barrier commit, against one `zfs snapshot` of the same eight, right before and right after it. The
// median of the rounds' ratios counts. A missed goal makes the exit status 1.
//
//   npm run bench:zfs -- --rounds 15   more rounds (default 7)
import { parseArgs } from 'node:util';
import { bootstrapOrExit } from './bootstrap.mjs';
import { Guest, prepareRig } from './vm/guest.mjs';

const GOAL = 1.5;
const LIMIT_SECONDS = 1800;
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '7' } } });

bootstrapOrExit({ packages: 'required' });
const guest = await Guest.create(await prepareRig());
try {
  await guest.boot();
  const { status, output } = await guest.run(['node', 'scripts/bench/zfs-inside.mjs', values.rounds], {
    timeoutSeconds: LIMIT_SECONDS,
  });
  if (status !== 0) throw new Error(`the measurement failed in the guest: ${output}`);
  const { ratio, stallMs, plainMs, calls, stalls, plain } = JSON.parse(output.trim().split('\n').at(-1));
  const isOne = calls.every((count) => count === 1);
  process.stdout.write(
    `stall of a barrier commit, 8 datasets of one pool   ${ms(stallMs)} (${stalls.map(ms).join(', ')})\n` +
      `one zfs snapshot of the same 8                      ${ms(plainMs)} (${plain.map(ms).join(', ')})\n` +
      `ratio ${ratio.toFixed(2)}, goal at most ${String(GOAL)}: ${ratio <= GOAL ? 'reached' : 'MISSED'}\n` +
      `calls that a commit makes to the pool: ${calls.join(', ')}, goal 1: ${isOne ? 'reached' : 'MISSED'}\n`,
  );
  process.exitCode = ratio <= GOAL && isOne ? 0 : 1;
} finally {
  await guest.remove();
}

function ms(value) {
  return `${value.toFixed(0)} ms`;
}
