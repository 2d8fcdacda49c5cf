// Runs where there is ZFS: how long writers on eight datasets of one pool stand still in a barrier commit, against one
// `zfs snapshot` of the same eight; and how many calls the pool has seen. Prints one JSON document.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { root } from '../lib/files.mjs';
import { cgroupMount, retry } from '../lib/system.mjs';
import { cli, median } from './lab.mjs';

const DATASETS = 8;
const rounds = Number(process.argv[2] ?? 5);
const WRITER = `
  const { writeSync, openSync } = require('node:fs');
  const files = process.argv.slice(1).map((tree) => openSync(tree + '/data', 'w'));
  const block = Buffer.alloc(4096, 1);
  let at = 0;
  setInterval(() => { for (const file of files) writeSync(file, block, 0, block.length, (at = (at + 4096) % (1 << 20))); }, 50);
`;

const directory = mkdtempSync(join(tmpdir(), 'snapcommit-bench-zfs-'));
const pool = `b${basename(directory).replaceAll(/^.*-|[^A-Za-z0-9]/g, '')}`;
const cgroup = join(cgroupMount(), `snapcommit-bench-zfs-${String(process.pid)}`);
let writer = null;

function tool(file, ...args) {
  return execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function ours(...args) {
  const environment = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', SNAPCOMMIT_STATE_DIR: join(directory, 'state') };
  return JSON.parse(
    execFileSync(process.execPath, [cli, '--json', ...args], { encoding: 'utf8', env: environment, cwd: '/' }),
  );
}

/** How often the pool was told to make snapshots, since it is there; publishing asks for a program, which is none. */
function snapshotCalls() {
  return tool('zpool', 'history', pool)
    .split('\n')
    .filter((line) => / zfs snapshot /.test(line)).length;
}

async function measure() {
  const image = join(directory, 'pool.img');
  writeFileSync(image, '');
  truncateSync(image, 1 << 30);
  tool('zpool', 'create', '-o', 'cachefile=none', '-O', `mountpoint=${join(directory, 'mnt')}`, pool, image);
  const names = Array.from({ length: DATASETS }, (_, index) => `v${String(index)}`);
  for (const name of names) tool('zfs', 'create', `${pool}/${name}`);
  mkdirSync(cgroup);
  const trees = names.map((name) => join(directory, 'mnt', name));
  writer = spawn(process.execPath, ['-e', WRITER, ...trees], { stdio: 'ignore' });
  writeFileSync(join(cgroup, 'cgroup.procs'), String(writer.pid));
  ours('init', '--node', 'bench');
  await addVolumes(names.map((name, index) => ({ name, source: trees[index] })));
  const freeze = ['--freeze-cgroup', `/${basename(cgroup)}`];
  ours('group', 'create', 'app', ...names.flatMap((name) => ['--volume', name]), ...freeze);
  const plainSnapshot = async (name) => {
    tool('zpool', 'sync', pool);
    const started = process.hrtime.bigint();
    tool('zfs', 'snapshot', ...names.map((dataset) => `${pool}/${dataset}@${name}`));
    const ms = Number(process.hrtime.bigint() - started) / 1e6;
    await delay(200);
    return ms;
  };
  const stalls = [];
  const plain = [];
  const calls = [];
  for (let round = 0; round < rounds; round += 1) {
    // Between two plain ones, so that a drift of the machine's speed meets both alike.
    const earlier = await plainSnapshot(`before${String(round)}`);
    const before = snapshotCalls();
    const { consistency } = ours('commit', 'app', '--require', 'barrier');
    calls.push(snapshotCalls() - before);
    stalls.push(consistency.stallMs);
    await delay(200);
    plain.push((earlier + (await plainSnapshot(`after${String(round)}`))) / 2);
  }
  const ratios = stalls.map((stall, round) => stall / plain[round]);
  return { ratio: median(ratios), stallMs: median(stalls), plainMs: median(plain), calls, stalls, plain };
}

/** By the library: a process for each would take longer here than all that is measured. */
async function addVolumes(volumes) {
  const { openNode } = await import(pathToFileURL(join(root, 'dist', 'index.js')).href);
  const node = await openNode({ stateDirectory: join(directory, 'state') });
  try {
    for (const { name, source } of volumes)
      await node.addVolume({ name, source, driver: null, publishDirectory: null });
  } finally {
    node.close();
  }
}

async function clean() {
  if (writer !== null && writer.exitCode === null) {
    const gone = new Promise((resolve) => writer.once('exit', resolve));
    writer.kill('SIGKILL');
    await gone;
  }
  retry(() => rmdirSync(cgroup));
  retry(() => tool('zpool', 'destroy', '-f', pool));
  rmSync(directory, { recursive: true, force: true });
}

try {
  process.stdout.write(`${JSON.stringify(await measure())}\n`);
} finally {
  await clean();
}
