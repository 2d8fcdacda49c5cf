/** Who leads, under each kind of partial connectivity that the OmniPaxos paper names (P9), and who answers reads (P8). */
import t from 'tap';
import { leaderOf } from '#src/paxos/election.js';
import { Cluster, configurationOf } from './cluster.js';

function started(names: string): Cluster {
  const cluster = new Cluster(names, configurationOf(names)).ticks(4);
  return cluster;
}

t.test('P9 three replicas elect one leader, and nobody disturbs it', async (t) => {
  const cluster = started('abc');
  const leader = cluster.leaders();
  t.equal(leader.length, 1);
  const { promised } = cluster.replica('a');
  cluster.ticks(50);
  t.equal(cluster.leaders(), leader);
  t.same(cluster.replica('a').promised, promised, 'no ballot was taken since');
  for (const name of 'abc') t.equal(leaderOf(cluster.replica(name)), leader, `${name} knows whom to ask`);
});

t.test('P9 a leader that is gone is replaced within three rounds, and what was chosen stays', async (t) => {
  const cluster = started('abc');
  const old = cluster.leaders();
  cluster.propose(old, 'x').isolate(old).ticks(4);
  const others = cluster.leaders().replace(old, '');
  t.equal(others.length, 1);
  t.equal(cluster.replica(old).role.kind, 'follower', 'a leader that lost its quorum steps down by itself');
  cluster.propose(others, 'y').mend().ticks(4);
  for (const name of 'abc') t.same(cluster.texts(name), ['x', 'y']);
  t.equal(cluster.leaders(), others, 'who comes back takes nothing over');
});

t.test('P9 quorum loss: only the one that still reaches a quorum can lead, and does', async (t) => {
  const cluster = started('abcde');
  const old = cluster.leaders();
  const hub = old === 'a' ? 'b' : 'a';
  const rest = Array.from('abcde').filter((name) => name !== hub);
  for (const one of rest) for (const other of rest) if (one < other) cluster.cut(`${one}${other}`);
  cluster.ticks(6);
  t.equal(cluster.leaders(), hub);
  t.same(cluster.propose(hub, 'x').ticks(2).texts(hub), ['x']);
  t.equal(cluster.replica(hub).decided, 1);
});

t.test('P9 constrained election: the only connected one leads, though its log is stale', async (t) => {
  const cluster = started('abcde');
  const old = cluster.leaders();
  const hub = old === 'a' ? 'b' : 'a';
  cluster.isolate(hub).propose(old, 'x', 'y').mend();
  const rest = Array.from('abcde').filter((name) => name !== hub && name !== old);
  cluster.isolate(old);
  for (const one of rest) for (const other of rest) if (one < other) cluster.cut(`${one}${other}`);
  cluster.ticks(8);
  t.equal(cluster.leaders(), hub);
  t.same(cluster.texts(hub), ['x', 'y'], 'it adopted what was chosen without it');
});

t.test('P9 chained: who merely lost sight of the leader does not take over, and learns from a neighbour', async (t) => {
  const cluster = started('abc');
  const leader = cluster.leaders();
  const [middle = '', end = ''] = Array.from('abc').filter((name) => name !== leader);
  const { promised } = cluster.replica(middle);
  cluster.cut(`${leader}${end}`).ticks(20);
  t.equal(cluster.leaders(), leader);
  t.same(cluster.replica(middle).promised, promised, 'no duel');
  cluster.propose(leader, 'x').ticks(3);
  t.same(cluster.texts(end), ['x'], 'decided entries come by the neighbour');
});

t.test('P9 one-way: a leader that hears nobody steps down, and one that nobody hears too', async (t) => {
  for (const cut of ['out', 'in']) {
    const cluster = started('abc');
    const leader = cluster.leaders();
    for (const other of 'abc')
      if (other !== leader) cluster.cut(cut === 'in' ? `${other}>${leader}` : `${leader}>${other}`);
    cluster.ticks(6);
    t.equal(cluster.replica(leader).role.kind, 'follower');
    t.equal(cluster.leaders().length, 1, cut);
  }
});

t.test('a candidate that died with the highest promise does not block the others', async (t) => {
  const cluster = started('abc');
  const leader = cluster.leaders();
  const dead = leader === 'c' ? 'b' : 'c';
  cluster.give(dead, { kind: 'campaign', entries: [] }).settle().isolate(dead).ticks(8);
  t.equal(cluster.leaders().replace(dead, '').length, 1);
});

t.test('a leader hands over to the voter that holds most, at once', async (t) => {
  const cluster = started('abc');
  const leader = cluster.leaders();
  cluster.propose(leader, 'x').input(leader, { kind: 'transfer' });
  t.equal(cluster.leaders().length, 1);
  t.not(cluster.leaders(), leader);
});

t.test('P8 a read is answered after a quorum round that began after it, in one exchange', async (t) => {
  const cluster = started('abc');
  const leader = cluster.leaders();
  cluster.propose(leader, 'x');
  cluster.transcript.length = 0;
  cluster.give(leader, { kind: 'read', id: 1 });
  t.notOk(cluster.told.includes(`${leader} readable 1 1`), 'not before anybody answered');
  cluster.give(leader, { kind: 'read', id: 2 }).settle();
  t.same(
    cluster.told.filter((line) => line.includes('readable')),
    [`${leader} readable 1 1`, `${leader} readable 2 1`],
  );
  const others = Array.from('abc').filter((name) => name !== leader);
  const first = others.map((name) => `${leader} > ${name} confirm`);
  t.same(cluster.transcript.slice(0, 2), first);
  t.equal(
    cluster.transcript.filter((line) => line.endsWith(' confirm')).length,
    4,
    'the second read had a round of its own',
  );
});

t.test('P8 a leader that was replaced without knowing it answers no read', async (t) => {
  const cluster = started('abc');
  const old = cluster.leaders();
  const [next = ''] = Array.from('abc').filter((name) => name !== old);
  cluster.isolate(old).input(next, { kind: 'campaign', entries: [] }).propose(next, 'new');
  t.equal(cluster.replica(next).decided, 1);
  t.equal(cluster.replica(old).role.kind, 'leading', 'it still believes that it leads');
  cluster.input(old, { kind: 'read', id: 7 }).mend().ticks(3);
  t.same(
    cluster.told.filter((line) => line.includes(' 7')),
    [`${old} readRefused 7 notLeading`],
  );
});

t.test('P8 a new leader answers no read before everything that it adopted is chosen', async (t) => {
  const cluster = started('abc');
  const old = cluster.leaders();
  const [next = '', third = ''] = Array.from('abc').filter((name) => name !== old);
  // `next` has accepted x and nobody said that it is chosen.
  cluster.isolate(third).cut(`${next}>${old}`).propose(old, 'x').mend().isolate(old);
  cluster.give(next, { kind: 'campaign', entries: [] });
  cluster.cut(`${third}>${next}`).settle().mend().isolate(old);
  t.not(cluster.replica(next).role.kind, 'leading');
  cluster.input(next, { kind: 'resend' });
  t.equal(cluster.replica(next).role.kind, 'leading');
  t.same(cluster.texts(next), ['x']);
  cluster.input(next, { kind: 'read', id: 9 });
  t.ok(cluster.told.includes(`${next} readable 9 1`), 'x is in what it answers');
});
