// How long writers stand still in a barrier commit, seen by a thread among them, against the floor: the same freeze and
// the same parallel snapshots in a small C program, with and without the flush before it.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { median, snapcommit, tool } from './lab.mjs';

const LOADS = {
  light: { bytesPerSecond: 256 * 1024, block: 4096 },
  heavy: { bytesPerSecond: 16 * 1024 * 1024, block: 65536 },
};

export async function measureStall(lab, rounds) {
  const floor = lab.compile('floor');
  const writer = lab.compile('writer');
  const mounts = Array.from({ length: 8 }, (_, index) => lab.volume(`stall${String(index)}`));
  const state = join(lab.directory, 'stall-state');
  snapcommit(state, 'init', '--node', 'bench');
  mounts.forEach((mount, index) =>
    snapcommit(state, 'volume', 'add', `v${String(index)}`, '--source', join(mount, 'live')),
  );
  const rows = [];
  for (const count of [2, 8]) {
    for (const [load, shape] of Object.entries(LOADS)) {
      rows.push(
        ...(await measureOne({ lab, rounds, floor, writer, mounts: mounts.slice(0, count), state, load, shape })),
      );
    }
  }
  return rows;
}

async function measureOne({ lab, rounds, floor, writer, mounts, state, load, shape }) {
  const name = `${load}${String(mounts.length)}`;
  const cgroup = lab.cgroup(name);
  const gaps = join(lab.directory, `${name}.gaps`);
  const lives = mounts.map((mount) => join(mount, 'live'));
  const running = lab.start(
    cgroup,
    writer,
    String(shape.bytesPerSecond),
    String(shape.block),
    gaps,
    cgroup.directory,
    ...lives,
  );
  const volumes = mounts.flatMap((_, index) => ['--volume', `v${String(index)}`]);
  snapcommit(state, 'group', 'create', name, ...volumes, '--freeze-cgroup', cgroup.path);
  await delay(1_000);
  const pairs = mounts.flatMap((mount) => [join(mount, 'live'), join(mount, 'floor')]);
  const ways = {
    ours: () => snapcommit(state, 'commit', name, '--require', 'barrier', '--json'),
    floor: (round) => tool(floor, '1', cgroup.directory, `f${name}${String(round)}`, ...pairs),
    unflushed: (round) => tool(floor, '0', cgroup.directory, `u${name}${String(round)}`, ...pairs),
  };
  const stalls = { ours: [], floor: [], unflushed: [] };
  for (let round = 0; round < rounds; round += 1) {
    // In turn, so that a drift of the machine's speed meets all of them alike.
    for (const [way, run] of Object.entries(ways)) {
      const start = process.hrtime.bigint();
      run(round);
      const end = process.hrtime.bigint();
      await delay(100);
      stalls[way].push(longestGap(gaps, start, end));
    }
  }
  await lab.stop(running);
  const [ours, bare, unflushed] = [median(stalls.ours), median(stalls.floor), median(stalls.unflushed)];
  const what = `stall, ${String(mounts.length)} volumes, ${load} writes`;
  return [
    row(what, ours, `floor ${ms(bare)}`, ours / bare, 'at most 1.3', ours / bare <= 1.3),
    row(what, ours, `floor without flush ${ms(unflushed)}`, ours / unflushed, 'below 1', ours / unflushed < 1),
  ];
}

/** The longest time, ms, in which a thread of the cgroup did not run, of those that overlap [start, end]. */
function longestGap(file, start, end) {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const lengths = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' ').map(BigInt))
    .filter(([ended, length]) => ended >= start && ended - length <= end)
    .map(([, length]) => Number(length) / 1e6);
  return Math.max(0, ...lengths);
}

const ms = (value) => `${value.toFixed(1)} ms`;

function row(what, measured, against, ratio, goal, reached) {
  return { what, measured: ms(measured), against, ratio, goal, reached };
}
