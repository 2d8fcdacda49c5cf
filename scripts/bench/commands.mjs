// Whole commands from outside: a commit of two volumes against bare Node, snapper and btrbk; status and open; memory.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cli, median, snapcommit, tool } from './lab.mjs';

const MEMORY_GOAL_MB = 120;
/** Where it is set, Node 20 reads them all at its start, and `node -e 0` says little of Node: so we are judged without it. */
const CERTIFICATES = 'NODE_EXTRA_CA_CERTS';

export async function measureCommands(lab, rounds) {
  const mounts = ['command0', 'command1'].map((name) => lab.volume(name));
  const state = join(lab.directory, 'command-state');
  snapcommit(state, 'init', '--node', 'bench');
  mounts.forEach((mount, index) =>
    snapcommit(state, 'volume', 'add', `v${String(index)}`, '--source', join(mount, 'live')),
  );
  snapcommit(state, 'group', 'create', 'app', '--volume', 'v0', '--volume', 'v1');
  snapcommit(state, 'commit', 'app');
  installPeers();
  // snapper puts a subvolume of its own into each volume, which ours would refuse: so it gets its own.
  const snapper = makeSnapper(['snapper0', 'snapper1'].map((name) => lab.volume(name)));
  try {
    // As it is installed and called, by its first line: how Node is started there is part of it.
    const ours = [cli, '--state-dir', state];
    let made = 0;
    const ways = {
      node: () => tool(process.execPath, '-e', '0'),
      bare: () => tool('/usr/bin/env', '-u', CERTIFICATES, process.execPath, '-e', '0'),
      commit: () => tool(...ours, 'commit', 'app'),
      status: () => tool(...ours, 'status'),
      open: () => tool(...ours, 'open', 'app'),
      snapshots: () => {
        made += 1;
        for (const mount of mounts)
          tool('btrfs', 'subvolume', 'snapshot', '-r', join(mount, 'live'), join(mount, 'floor', `s${String(made)}`));
      },
      snapper: () => snapper.forEach(({ config }) => tool('snapper', '--no-dbus', '-c', config, 'create')),
      btrbk: () => tool('btrbk', '-q', '-c', btrbkConfig(lab, mounts), 'snapshot'),
    };
    const times = measureInTurn(ways, rounds);
    return rowsOf(times, peakMemories(state));
  } finally {
    for (const { config } of snapper) tool('snapper', '--no-dbus', '-c', config, 'delete-config');
  }
}

export function measureInTurn(ways, rounds) {
  const times = Object.fromEntries(Object.keys(ways).map((way) => [way, []]));
  for (let round = -1; round < rounds; round += 1) {
    for (const [way, run] of Object.entries(ways)) {
      const start = performance.now();
      run();
      // Round -1 warms up.
      if (round >= 0) times[way].push(performance.now() - start);
    }
  }
  return Object.fromEntries(Object.entries(times).map(([way, values]) => [way, median(values)]));
}

function rowsOf(times, memories) {
  const { node, bare, commit, status, open, snapshots, snapper, btrbk } = times;
  const budget = 2 * bare + snapshots;
  const withCertificates = (what, time) =>
    process.env[CERTIFICATES] === undefined
      ? []
      : [row(what, time, `node -e 0 with ${CERTIFICATES} ${ms(node)}`, time / node, '', null)];
  return [
    row(
      'commit of 2 volumes',
      commit,
      `2 x node -e 0 + 2 snapshots = ${ms(budget)}`,
      commit / budget,
      'at most 1',
      commit <= budget,
    ),
    row('commit of 2 volumes', commit, `node -e 0 ${ms(bare)}`, commit / bare, '', null),
    ...withCertificates('commit of 2 volumes', commit),
    row('commit of 2 volumes', commit, `snapper create, twice ${ms(snapper)}`, commit / snapper, '', null),
    row('commit of 2 volumes', commit, `btrbk ${ms(btrbk)}`, commit / btrbk, 'below 1', commit < btrbk),
    row('status', status, `node -e 0 ${ms(bare)}`, status / bare, 'at most 1.5', status / bare <= 1.5),
    ...withCertificates('status', status),
    row('open', open, `node -e 0 ${ms(bare)}`, open / bare, 'at most 1.5', open / bare <= 1.5),
    ...withCertificates('open', open),
    ...Object.entries(memories).map(([command, megabytes]) => ({
      what: `peak memory of ${command}`,
      measured: `${megabytes.toFixed(0)} MB`,
      against: '',
      ratio: null,
      goal: `under ${String(MEMORY_GOAL_MB)} MB`,
      reached: megabytes < MEMORY_GOAL_MB,
    })),
  ];
}

/** Each command says its own peak at its end, through a module that is loaded before it. */
function peakMemories(state) {
  const probe = join(import.meta.dirname, 'peak-memory.mjs');
  const peaks = {};
  for (const [command, ...args] of [['commit', 'app'], ['status'], ['open', 'app']]) {
    const child = spawnSync(process.execPath, ['--import', probe, cli, '--state-dir', state, command, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    if (child.status !== 0) throw new Error(`${command}: ${child.stderr}`);
    peaks[command] = Number(child.output[3]) / 1024;
  }
  return peaks;
}

function installPeers() {
  const missing = ['snapper', 'btrbk'].filter((name) => !existsSync(`/usr/bin/${name}`));
  if (missing.length === 0) return;
  process.stderr.write(`bench: installing ${missing.join(' ')} to compare with\n`);
  tool('apt-get', 'update');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const result = spawnSync('apt-get', ['install', '-y', '--no-install-recommends', ...missing], {
    env,
    encoding: 'utf8',
  });
  if (result.status !== 0) throw new Error(result.stderr);
}

/** snapper keeps its configurations in a system-wide place: ours are named after this process and deleted at the end. */
function makeSnapper(mounts) {
  return mounts.map((mount, index) => {
    const config = `snapcommit-bench-${String(process.pid)}-${String(index)}`;
    tool('snapper', '--no-dbus', '-c', config, 'create-config', join(mount, 'live'));
    return { config };
  });
}

function btrbkConfig(lab, mounts) {
  const file = join(lab.directory, 'btrbk.conf');
  if (existsSync(file)) return file;
  const blocks = mounts.map((mount) => {
    mkdirSync(join(mount, 'btrbk'));
    return `volume ${mount}\n  snapshot_dir btrbk\n  subvolume live\n`;
  });
  writeFileSync(
    file,
    `timestamp_format long-iso\nlockfile ${join(lab.directory, 'btrbk.lock')}\nsnapshot_create always\nsnapshot_preserve_min latest\n${blocks.join('')}`,
  );
  return readFileSync(file, 'utf8') === '' ? null : file;
}

const ms = (value) => `${value.toFixed(1)} ms`;

function row(what, measured, against, ratio, goal, reached) {
  return { what, measured: ms(measured), against, ratio, goal, reached };
}
