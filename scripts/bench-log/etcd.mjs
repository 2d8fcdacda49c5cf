// Three members of Debian's etcd on loopback, at their default timeouts, and a client of their v3 API.
// Members speak TLS with one another, as ours always do; PlainEtcdCluster shows what that costs etcd.
import { credentials, Client } from '@grpc/grpc-js';
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { decodePut, decodeStatus, encodeNothing, encodePut } from './etcd-wire.mjs';
import { eventually, VALUE_BYTES } from './load.mjs';

const NAMES = ['a', 'b', 'c'];
const CALL_MS = 10_000;
/** A member without a leader keeps a put for 7 s: whoever waits for a new leader asks again sooner. */
const TRY_MS = 300;

export class EtcdCluster {
  static engine = 'etcd';
  engine = this.constructor.engine;
  /** Of the members' own addresses. Their clients' are plain: ours come through a unix socket. */
  peerScheme = 'https';
  #members;
  #client = null;
  #value = Buffer.alloc(VALUE_BYTES, 'x');

  constructor(members) {
    this.#members = members;
  }

  static async start(directory) {
    const ports = await freePorts(2 * NAMES.length);
    const members = NAMES.map((name, n) => ({
      name,
      directory: join(directory, name),
      clientPort: ports[2 * n],
      peerPort: ports[2 * n + 1],
      child: null,
    }));
    const cluster = new this(members);
    for (const member of members) cluster.#startMember(member, 'new');
    await cluster.ready();
    return cluster;
  }

  #startMember(member, state) {
    const url = (port, scheme = 'http') => `${scheme}://127.0.0.1:${String(port)}`;
    const peerUrl = (port) => url(port, this.peerScheme);
    const peers = this.#members.map(({ name, peerPort }) => `${name}=${peerUrl(peerPort)}`).join(',');
    const args = {
      name: member.name,
      'data-dir': member.directory,
      'listen-client-urls': url(member.clientPort),
      'advertise-client-urls': url(member.clientPort),
      'listen-peer-urls': peerUrl(member.peerPort),
      'initial-advertise-peer-urls': peerUrl(member.peerPort),
      'initial-cluster': peers,
      'initial-cluster-state': state,
      'log-level': 'error',
    };
    const flags = Object.entries(args).flatMap(([name, value]) => [`--${name}`, value]);
    // Certificates of its own making, which it does not check: a little less than ours do, and only when connecting.
    if (this.peerScheme === 'https') flags.push('--peer-auto-tls');
    member.child = spawn('etcd', flags, { stdio: 'ignore' });
  }

  /** Waits until all members agree on a leader, and connects to that one. */
  async ready() {
    const leader = await eventually('a leader of etcd', async () => {
      const all = await Promise.all(this.#members.map(async (member) => ({ member, ...(await statusOf(member)) })));
      const found = all.find(({ id }) => id === all[0].leader);
      if (found === undefined || all.some((one) => one.leader !== found.id)) throw new Error('no leader yet');
      return found.member;
    });
    this.#client?.close();
    this.#client = connect(leader);
    return leader;
  }

  append(number) {
    return put(this.#client, Buffer.from(`bench/${String(number)}`), this.#value);
  }

  /** Kills the leader; how long until another append is acknowledged, ms. Starts it again. */
  async failover() {
    const leader = await this.ready();
    const others = this.#members.filter((member) => member !== leader).map(connect);
    const began = performance.now();
    leader.child.kill('SIGKILL');
    let turn = 0;
    await eventually('an append after the leader died', () => {
      turn += 1;
      return put(others[turn % others.length], Buffer.from('failover'), this.#value, TRY_MS);
    });
    const took = performance.now() - began;
    for (const client of others) client.close();
    this.#startMember(leader, 'existing');
    await this.ready();
    return took;
  }

  /** At once, without waiting: for the end of the process. */
  kill() {
    for (const { child } of this.#members) child?.kill('SIGKILL');
  }

  async stop() {
    this.#client?.close();
    await Promise.all(this.#members.map(({ child }) => ended(child)));
  }
}

export class PlainEtcdCluster extends EtcdCluster {
  static engine = 'etcd-plain';
  peerScheme = 'http';
}

export function ended(child) {
  if (child === null || child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', resolve);
    child.kill('SIGKILL');
  });
}

function connect({ clientPort }) {
  return new Client(`127.0.0.1:${String(clientPort)}`, credentials.createInsecure());
}

function call(client, path, encode, decode, request, limitMs = CALL_MS) {
  const options = { deadline: Date.now() + limitMs };
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, encode, decode, request, options, (error, answer) =>
      error ? reject(error) : resolve(answer),
    );
  });
}

function put(client, key, value, limitMs = CALL_MS) {
  return call(client, '/etcdserverpb.KV/Put', encodePut, decodePut, { key, value }, limitMs);
}

async function statusOf(member) {
  const client = connect(member);
  try {
    const { member: id, leader } = await call(
      client,
      '/etcdserverpb.Maintenance/Status',
      encodeNothing,
      decodeStatus,
      null,
    );
    return { id, leader };
  } finally {
    client.close();
  }
}

async function freePorts(count) {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise((resolve) => {
          const server = createServer().listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
