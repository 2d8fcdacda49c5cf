// Three daemons of snapcommit on loopback, at their default timeouts, and the client that its commands use.
import { spawn } from 'node:child_process';
import { readFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { root } from '../lib/files.mjs';
import { run } from '../lib/run.mjs';
import { eventually, VALUE_BYTES } from './load.mjs';

const { openRemoteLog } = await import(join(root, 'dist', 'daemon', 'local-api', 'remote-log.js'));
const { systemClock } = await import(join(root, 'dist', 'adapters', 'clock-system.js'));

const PROGRAM = join(root, 'bin', 'snapcommit.js');
const APPEND_MS = 10_000;
/** How long a client waits for one daemon before it asks another. */
const TRY_MS = 300;

/** Nothing is done to it: only the log is loaded. */
const VOLUME = {
  name: 'bench',
  node: 'a',
  driver: 'directory',
  source: '/bench/live',
  publishDirectory: '/bench/published',
  filesystem: 'bench',
};

export class OurCluster {
  static engine = 'snapcommit';
  engine = OurCluster.engine;
  #members;
  /** Through the leader's daemon: one connection, as with etcd. */
  #log = null;
  #ofLog = null;

  constructor(members) {
    this.#members = members;
  }

  static async start(directory) {
    const members = [];
    for (const node of ['a', 'b', 'c']) {
      const address = `127.0.0.1:${String(await freePort())}`;
      const member = { node, address, directory: join(directory, node), child: null, identity: null };
      mkdirSync(member.directory, { recursive: true, mode: 0o700 });
      writeFileSync(join(member.directory, 'config.json'), JSON.stringify({ listen: address }), { mode: 0o600 });
      members.push(member);
    }
    const cluster = new OurCluster(members);
    await cluster.#found(join(directory, 'token'));
    await cluster.ready();
    requireDone(await cluster.#log.append({ type: 'addVolume', volume: VOLUME }));
    requireDone(await cluster.#log.append({ type: 'createGroup', group: groupOf(1, []) }));
    return cluster;
  }

  async #found(token) {
    const [first, ...others] = this.#members;
    await ask(first, 'init', '--node', first.node);
    await ask(first, 'cluster', 'init', '--address', first.address);
    await this.#startMember(first);
    for (const member of others) {
      const file = `${token}-${member.node}`;
      await ask(first, 'cluster', 'token', '--out', file);
      await ask(member, 'cluster', 'join', '--token-file', file, '--node', member.node, '--address', member.address);
      await this.#startMember(member);
      await ask(first, 'cluster', 'add', member.node);
    }
  }

  /** Resolves when it serves; how long that took, ms. */
  async #startMember(member) {
    const began = performance.now();
    const child = spawn(process.execPath, [PROGRAM, 'daemon'], {
      env: environment(member),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    member.child = child;
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text) => (said = (said + text).slice(-20_000)));
    await new Promise((resolve, reject) => {
      child.stderr.on('data', () => said.includes('"serving"') && resolve());
      child.once('exit', () => reject(new Error(`the daemon of ${member.node} ended:\n${said}`)));
    });
    return performance.now() - began;
  }

  async #open(member, timeoutMs) {
    if (member.identity === null) {
      const { cluster, node, incarnation } = await status(member);
      member.identity = { cluster, node, incarnation };
    }
    const { directory: stateDirectory, identity } = member;
    return openRemoteLog({ stateDirectory, identity, clock: systemClock, timeoutMs, endsAtMs: null });
  }

  /** Waits for a leader that everybody agrees on, and connects to that one's daemon. */
  async ready() {
    const leader = await eventually('a leader of snapcommit', async () => {
      const all = await Promise.all(this.#members.map(status));
      const found = this.#members.find(({ node }) => node === all[0].leader);
      if (found === undefined || all.some((one) => one.leader !== found.node)) throw new Error('no leader yet');
      return found;
    });
    if (this.#ofLog !== leader) {
      this.#disconnect();
      this.#log = await this.#open(leader, APPEND_MS);
      this.#ofLog = leader;
    }
    return leader;
  }

  #disconnect() {
    this.#log?.close();
    this.#log = null;
    this.#ofLog = null;
  }

  async append(number) {
    requireDone(await this.#log.append(update(number)));
  }

  /** Kills the leader; how long until another append is acknowledged, ms. Starts it again. */
  async failover() {
    const leader = await this.ready();
    const others = this.#members.filter((member) => member !== leader);
    const logs = await Promise.all(others.map((member) => this.#open(member, TRY_MS)));
    await Promise.all(logs.map((log) => log.read()));
    const began = performance.now();
    leader.child.kill('SIGKILL');
    let turn = 0;
    await eventually('an append after the leader died', async () => {
      turn += 1;
      requireDone(await logs[turn % logs.length].append(update(turn)));
    });
    const took = performance.now() - began;
    for (const log of logs) log.close();
    await this.#startMember(leader);
    this.#disconnect();
    await this.ready();
    return took;
  }

  /** Appends until the log has that many entries, then starts a follower anew. */
  async openAfter(entries) {
    await this.ready();
    let next = (await this.#log.status()).lastSlot;
    const client = async () => {
      while (next < entries) {
        next += 1;
        await this.append(next);
      }
    };
    await Promise.all(Array.from({ length: 256 }, client));
    const leader = await this.ready();
    const follower = this.#members.find((member) => member !== leader);
    follower.child.kill('SIGTERM');
    await new Promise((resolve) => follower.child.once('exit', resolve));
    const openMs = await this.#startMember(follower);
    await this.ready();
    const { lastSlot } = await this.#log.status();
    return { openMs, memoryMb: residentMb(follower.child.pid), entries: lastSlot };
  }

  kill() {
    for (const { child } of this.#members) child?.kill('SIGKILL');
  }

  async stop() {
    this.#disconnect();
    for (const { child } of this.#members) {
      if (child === null || child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await new Promise((resolve) => child.once('exit', resolve));
    }
  }
}

/** An entry of at least 512 B that changes the state: a group's record with a long path in it. */
function update(number) {
  return { type: 'updateGroup', group: groupOf(1 + (number % 1_000), [`/${'x'.repeat(VALUE_BYTES)}`]) };
}

function groupOf(stallLimitMs, preHooks) {
  return {
    name: 'bench',
    volumes: [VOLUME.name],
    freezeCgroups: [],
    freezeUnits: [],
    stopUnits: [],
    require: null,
    stallLimitMs,
    preHooks,
    postHooks: [],
  };
}

function requireDone(result) {
  if (result.status !== 'chosen') throw new Error(`${result.status}: ${result.reason}`);
  if (!result.outcome.ok) throw new Error(result.outcome.message);
}

function environment({ directory }) {
  return { ...process.env, SNAPCOMMIT_STATE_DIR: directory };
}

async function ask(member, ...args) {
  const result = await run(process.execPath, [PROGRAM, '--json', ...args], { env: environment(member) });
  if (result.status !== 0)
    throw new Error(`snapcommit ${args.join(' ')}: status ${String(result.status)}\n${result.output}`);
  return JSON.parse(result.stdout);
}

function status(member) {
  return ask(member, 'cluster', 'status');
}

function residentMb(pid) {
  const text = readFileSync(`/proc/${String(pid)}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)[1]) / 1024;
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
