/** Three hosts over the real store, joined by queues in memory: the loop outside of the simulation. */
import { join } from 'node:path';
import t from 'tap';
import { createStore } from '#src/adapters/store-sqlite/create.js';
import { openReplicaStore } from '#src/adapters/store-sqlite/replica/index.js';
import { systemTimers } from '#src/adapters/timers-system.js';
import { vouches } from '#src/log/message-gate.js';
import { openReplica, type ReplicaHost } from '#src/log/replica-host.js';
import { decodeWire, encodeWire } from '#src/log/wire.js';
import type { Operation } from '#src/machine/entry.js';
import { nodeId } from '#src/paxos/ballot.js';
import { slot } from '#src/paxos/contiguous-log.js';
import type { MemberChange, ReplicaMetrics } from '#src/ports/cluster-log.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';

const NAMES = ['a', 'b', 'c'];
const SETTINGS = { tickMs: 20, checkpointSlots: 100 };

interface Cluster {
  readonly hosts: Map<string, ReplicaHost>;
  /** Entries of each batch, by node. */
  readonly batches: Map<string, number[]>;
  /** All that was sent. */
  readonly said: Uint8Array[];
  /** Whom nothing reaches. */
  readonly deaf: Set<string>;
  open(name: string): Promise<ReplicaHost>;
}

async function clusterIn(directory: string): Promise<Cluster> {
  const configuration = { id: 1, voters: NAMES.map(nodeId), learners: [], after: slot(0) };
  const hosts = new Map<string, ReplicaHost>();
  const batches = new Map<string, number[]>(NAMES.map((name) => [name, []]));
  const deaf = new Set<string>();
  const said: Uint8Array[] = [];
  const fileOf = (name: string) => join(directory, name, 'log.db');
  for (const node of NAMES)
    createStore(fileOf(node), { cluster: 'test', node, incarnation: 1, configuration, mode: 'cluster' });
  const open = async (name: string): Promise<ReplicaHost> => {
    const metrics: ReplicaMetrics = {
      ballot: () => undefined,
      leaderChanged: () => undefined,
      slotsChosen: () => undefined,
      batch: (entries) => void batches.get(name)?.push(entries),
      queue: () => undefined,
      lag: () => undefined,
      messageRefused: (from, reason) => t.fail(`${name} could not read a message of ${from}: ${reason}`),
    };
    const host = await openReplica(
      {
        store: await openReplicaStore(fileOf(name)),
        send: (to, message) => {
          said.push(message);
          setImmediate(() => {
            if (!deaf.has(to)) hosts.get(to)?.receive(name, message);
          });
        },
        timers: systemTimers,
        clock: { now: () => Date.now(), monotonic: () => performance.now() },
        metrics,
      },
      SETTINGS,
    );
    hosts.set(name, host);
    return host;
  };
  for (const name of NAMES) await open(name);
  return { hosts, batches, deaf, said, open };
}

function adding(name: string): Operation {
  const source = `/sources/${name}`;
  const volume = {
    name,
    node: 'n',
    driver: 'memory',
    source,
    publishDirectory: `${source}/p`,
    filesystem: 'f',
  } as const;
  return { type: 'addVolume', volume };
}

t.test('appends of every node are chosen, many in one sync, and every node reads all of them', async (t) => {
  const { hosts, batches } = await clusterIn(temporaryDirectory(t));
  const all = [...hosts.values()];
  const names = Array.from({ length: 90 }, (_, index) => `v${String(index)}`);
  const appends = all.flatMap((host, of) =>
    names.filter((_, index) => index % 3 === of).map((name) => host.append(adding(name))),
  );
  const results = await Promise.all(appends);
  t.ok(
    results.every((result) => result.status === 'chosen' && result.outcome.ok),
    'all were chosen',
  );
  for (const host of all) {
    const { volumes } = await host.read();
    t.equal(Object.keys(volumes).length, names.length, `${host.identity.node} reads all of them`);
  }
  for (const [name, sizes] of batches) {
    const withEntries = sizes.filter((size) => size > 0);
    t.ok(withEntries.length < names.length / 2, `${name} wrote ${String(withEntries.length)} batches with entries`);
  }
  for (const host of all) await host.end();
});

t.test('a node that was away comes back by a checkpoint, and a leader that goes is replaced', async (t) => {
  const cluster = await clusterIn(temporaryDirectory(t));
  const [a, b, c] = NAMES.map((name) => cluster.hosts.get(name));
  if (a === undefined || b === undefined || c === undefined) throw new Error('three hosts are open');
  t.equal((await a.append(adding('first'))).status, 'chosen');
  cluster.hosts.delete('c');
  await c.end();
  for (let n = 0; n < 30; n += 1)
    await Promise.all(Array.from({ length: 10 }, (_, at) => b.append(adding(`v${String(n)}-${String(at)}`))));
  await a.checkpoint();
  await b.checkpoint();
  const back = await cluster.open('c');
  await until('c has caught up', () => back.replicaStatus().appliedSlot >= a.replicaStatus().appliedSlot);
  t.equal(Object.keys((await back.read()).volumes).length, 301, 'c holds all that was appended');
  const leader = NAMES.find((name) => cluster.hosts.get(name)?.replicaStatus().role === 'leader') ?? 'a';
  const gone = cluster.hosts.get(leader);
  cluster.hosts.delete(leader);
  await gone?.end();
  const [other] = cluster.hosts.values();
  t.equal((await other?.append(adding('last')))?.status, 'chosen', 'the others go on');
  for (const host of cluster.hosts.values()) await host.end();
});

const joining =
  (node: string): MemberChange =>
  ({ voters, learners }) => ({ voters, learners: [...learners.filter((one) => one !== node), node] });
const leaving =
  (node: string): MemberChange =>
  ({ voters, learners }) => ({ voters, learners: learners.filter((one) => one !== node) });

t.test('D9 every promise and acceptance says how far its store had come when it was durable', async (t) => {
  const { hosts, said } = await clusterIn(temporaryDirectory(t));
  const [a] = hosts.values();
  await a?.append(adding('v'));
  for (const host of hosts.values()) await host.end();
  const words = said.map(decodeWire).flatMap((one) => (one.type === 'core' && vouches(one.message) ? [one] : []));
  t.ok(words.length > 0);
  t.ok(
    words.every(({ word }) => (word?.batches ?? 0) > 0),
    'the batch that made it durable is counted',
  );
});

t.test('P6 a change that was worked out before another one came takes nothing of that back', async (t) => {
  const { hosts, deaf } = await clusterIn(temporaryDirectory(t));
  const all = [...hosts.values()];
  const [first] = all;
  await first?.append(adding('v'));
  const leader = all.find((host) => host.replicaStatus().role === 'leader');
  const [late, other] = all.filter((host) => host !== leader);
  if (leader === undefined || late === undefined || other === undefined) throw new Error('one of three leads');
  await until('both know who leads', () => [late, other].every((host) => host.replicaStatus().leader !== null));
  deaf.add(late.identity.node);
  await leader.reconfigure(joining('d'));
  await leader.append(adding('w'));
  t.equal(late.configuration.id, 1, 'it has not heard of it');
  const joined = late.reconfigure(joining('e'));
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  deaf.clear();
  const { id, learners } = await joined;
  t.same([id, learners], [3, ['d', 'e']], 'd was never out');
  for (const host of all) await host.end();
});

t.test('P6 whoever leads refuses a change that was worked out from an earlier configuration', async (t) => {
  const { hosts, said } = await clusterIn(temporaryDirectory(t));
  const all = [...hosts.values()];
  t.teardown(async () => Promise.all(all.map(async (host) => host.end())));
  await all[0]?.reconfigure(joining('d'));
  await until('everybody has heard', () => all.every((host) => host.configuration.id === 2));
  const [voters, learners] = [NAMES.map(nodeId), [nodeId('e')]];
  let id = 0;
  await until('it was refused as stale', () => {
    const leader = all.find((host) => host.replicaStatus().role === 'leader');
    const [other] = all.filter((host) => host !== leader);
    const late = encodeWire({ type: 'reconfigure', id: (id += 1), base: 1, voters, learners });
    leader?.receive(other?.identity.node ?? '', late);
    return said.map(decodeWire).some((one) => one.type === 'reconfigureRefused' && one.reason === 'stale');
  });
  t.same(
    all.map((host) => host.configuration.learners),
    [['d'], ['d'], ['d']],
    'd was never out',
  );
});

t.test('two changes of members at once, through two nodes, both take effect', async (t) => {
  const { hosts } = await clusterIn(temporaryDirectory(t));
  const [a, b, c] = NAMES.map((name) => hosts.get(name));
  if (a === undefined || b === undefined || c === undefined) throw new Error('three hosts are open');
  await a.append(adding('v'));
  await Promise.all([a.reconfigure(joining('d')), b.reconfigure(joining('e')), c.reconfigure(joining('f'))]);
  await until('everybody has heard', () => [a, b, c].every((host) => host.configuration.id === 4));
  t.same([...a.configuration.learners].sort(), ['d', 'e', 'f'], 'nobody is put out by another’s coming');
  await Promise.all([a.reconfigure(joining('g')), b.reconfigure(leaving('d')), c.reconfigure(leaving('e'))]);
  await until('everybody has heard', () => [a, b, c].every((host) => host.configuration.id === 7));
  t.same([...b.configuration.learners].sort(), ['f', 'g'], 'and nobody comes back by it');
  for (const host of hosts.values()) await host.end();
});

t.test('L6 a closed log takes nothing, and says so', async (t) => {
  const { hosts } = await clusterIn(temporaryDirectory(t));
  for (const host of hosts.values()) await host.end();
  const closed = hosts.get('a');
  if (closed === undefined) throw new Error('a host was open');
  await t.rejects(closed.append(adding('late')), { code: 'UNAVAILABLE' });
  await t.rejects(closed.read(), { code: 'UNAVAILABLE' });
});
