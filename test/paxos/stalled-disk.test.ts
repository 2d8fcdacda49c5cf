/** Who leads when a disk hangs: a leader that can write nothing keeps everybody waiting, and nobody elects another. */
import t from 'tap';
import { step } from '#src/paxos/replica.js';
import { Cluster, configurationOf } from './cluster.js';
import { a, b, ballotOf, one, receive, replicaWith, sent, steps } from './support.js';

const STALLS = { kind: 'disk', stalls: true } as const;
const RETURNS = { kind: 'disk', stalls: false } as const;

function started(names: string): { readonly cluster: Cluster; readonly leader: string; readonly others: string } {
  const cluster = new Cluster(names, configurationOf(names)).ticks(4);
  const leader = cluster.leaders();
  return { cluster, leader, others: names.replace(leader, '') };
}

t.test('P9 a leader whose disk hangs leads no more, and another is elected', async (t) => {
  const { cluster, leader, others } = started('abc');
  cluster.propose(leader, 'x').input(leader, STALLS);
  t.equal(cluster.replica(leader).role.kind, 'follower', 'at once');
  cluster.ticks(4);
  t.equal(cluster.leaders().length, 1);
  t.ok(others.includes(cluster.leaders()), 'one of the others leads');
  cluster.propose(cluster.leaders(), 'y').ticks(2);
  for (const name of others) t.same(cluster.texts(name), ['x', 'y']);
});

t.test('P9 a voter whose disk hangs does not stand, and may again when it returns', async (t) => {
  const { cluster, leader, others } = started('abc');
  const [hung = '', free = ''] = others;
  cluster.input(hung, STALLS).isolate(leader).ticks(6);
  t.equal(cluster.replica(hung).role.kind, 'follower');
  cluster.input(hung, { kind: 'campaign', entries: [] });
  t.equal(cluster.replica(hung).role.kind, 'follower', 'not even when it is told to (I13)');
  t.equal(cluster.replica(free).role.kind, 'follower', 'nor does who reaches no other voter than it');
  cluster.input(hung, RETURNS).ticks(6);
  t.equal(cluster.leaders().replace(leader, '').length, 1, 'now the two have a leader');
});

t.test('a leader whose disk hangs answers no read, and takes no proposal', async (t) => {
  const { cluster, leader } = started('abc');
  cluster.isolate(leader).give(leader, { kind: 'read', id: 3 });
  cluster.input(leader, STALLS).propose(leader, 'z').input(leader, { kind: 'read', id: 4 });
  t.same(
    cluster.told.filter((line) => line.startsWith(`${leader} re`)),
    [`${leader} readRefused 3 notLeading`, `${leader} rejected notLeading`, `${leader} readRefused 4 notLeading`],
  );
});

t.test('heartbeats say that the disk hangs; a promise that got onto it counts all the same', async (t) => {
  const { state } = step(replicaWith(), STALLS);
  const [reply] = sent(receive(state, b, { type: 'heartbeat', round: 7 }).effects);
  t.match(reply, { type: 'heartbeatReply', standing: 'stalled' });
  const prepare = { type: 'prepare', ballot: ballotOf(3, b), accepted: ballotOf(0), decided: 0, last: 0 } as const;
  const [promise] = sent(receive(state, b, { ...prepare, decided: state.decided, last: state.decided }).effects);
  t.match(promise, { type: 'promise', standing: 'voting' });
});

t.test('a candidate whose disk hangs hands back what waits for it', async (t) => {
  const proposal = new Uint8Array([1]);
  const { state, effects } = steps(replicaWith(), { kind: 'campaign', entries: [proposal] }, STALLS);
  t.equal(state.role.kind, 'follower');
  t.match(effects.at(-1), { kind: 'rejected', entries: [proposal], reason: 'notLeading' });
});

t.test('a single voter leads again by itself when its disk returns', async (t) => {
  const ticks = Array.from({ length: 8 }, () => ({ kind: 'tick' }) as const);
  const leading = steps(replicaWith({}, a, one), ...ticks);
  t.equal(leading.state.role.kind, 'leading');
  const hung = steps(leading.state, STALLS, ...ticks);
  t.equal(hung.state.role.kind, 'follower');
  t.equal(steps(hung.state, RETURNS, ...ticks).state.role.kind, 'leading');
});
