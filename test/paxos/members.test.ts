/** Members that come, go, lag, lose rows or forget: the scenarios behind T14, P6, P7, D8 and D10. */
import t from 'tap';
import { NO_BALLOT, nodeId } from '#src/paxos/ballot.js';
import { lastSlot, slot } from '#src/paxos/contiguous-log.js';
import { step } from '#src/paxos/replica.js';
import { NOTHING_DURABLE, withDamage, type Replica } from '#src/paxos/state.js';
import { Cluster, configurationOf, LIMITS } from './cluster.js';
import { bytes, receive } from './support.js';

/** Leads with the first voter. */
function led(names: string, voters: string, learners = '', limits = LIMITS): Cluster {
  const cluster = new Cluster(names, configurationOf(voters, learners), limits);
  return cluster.input(voters[0] ?? '', { kind: 'campaign', entries: [] });
}

function told(cluster: Cluster, what: string): readonly string[] {
  return cluster.told.filter((line) => line.includes(what));
}

t.test('a learner receives the log and never counts', async (t) => {
  const cluster = led('abcd', 'abc', 'd').propose('a', 'x');
  t.same(cluster.texts('d'), ['x']);
  t.equal(cluster.replica('d').decided, 1);
  cluster.isolate('b').isolate('c').propose('a', 'y');
  t.same(cluster.texts('d'), ['x', 'y']);
  t.equal(cluster.replica('a').decided, 1, 'the leader and a learner are no majority');
  cluster.ticks(10);
  t.equal(cluster.replica('d').role.kind, 'follower', 'a learner never takes over');
});

t.test('a member is added, in two steps, and one is replaced', async (t) => {
  const cluster = led('abcd', 'abc').propose('a', 'x');
  cluster.reconfigure('a', 'abcd');
  t.same(told(cluster, 'reconfigureRefused'), ['a reconfigureRefused invalid'], 'a voter has to be a member first');
  cluster.reconfigure('a', 'abc', 'd').ticks(2);
  t.same(cluster.texts('d'), ['x', 'stop 2'], 'the learner has everything');
  cluster.propose('a', 'y').reconfigure('a', 'abd').ticks(3);
  t.same(cluster.replica('d').configuration.voters, ['a', 'b', 'd']);
  cluster.isolate('b').propose('a', 'z');
  t.equal(cluster.replica('a').decided, 5, 'a and the new voter are a majority');
});

t.test('P6 nothing is accepted after a stop-sign, and reconfigurations go one at a time', async (t) => {
  const cluster = led('abcd', 'abc', 'd').isolate('b').isolate('c');
  cluster.reconfigure('a', 'abd').propose('a', 'late').reconfigure('a', 'acd');
  t.same(told(cluster, 'rejected'), ['a rejected stopped']);
  t.same(told(cluster, 'Refused'), ['a reconfigureRefused busy']);
  t.same(cluster.texts('a'), ['stop 2']);
  t.equal(cluster.replica('a').configuration.id, 1, 'the old configuration decides, and has not');
  cluster.mend().ticks(3);
  t.equal(cluster.replica('b').configuration.id, 2);
});

t.test('T14 a stop-sign waits until a majority of the new voters holds the log', async (t) => {
  const cluster = led('abcde', 'abc', 'de').isolate('d').isolate('e').propose('a', 'x').reconfigure('a', 'ade');
  t.same(cluster.texts('a'), ['x'], 'it is not proposed');
  cluster.propose('a', 'y');
  t.same(told(cluster, 'rejected'), ['a rejected busy'], 'nor is anything else meanwhile');
  cluster.mend().ticks(3);
  t.ok(told(cluster, 'configured').includes('a configured'));
  t.same(
    [cluster.texts('d'), cluster.texts('e')],
    [
      ['x', 'stop 2'],
      ['x', 'stop 2'],
    ],
  );
  cluster.remove('a').remove('b').remove('c').ticks(6);
  t.equal(cluster.leaders().length, 1, 'the old ones are gone, and the new ones go on with the whole log');
});

t.test('T14 a stop-sign is not decided while its voters lack it, whoever leads', async (t) => {
  const cluster = led('abcde', 'abc', 'de').propose('a', 'x');
  cluster.give('a', { kind: 'reconfigure', id: 1, base: 1, voters: Array.from('ade').map(nodeId), learners: [] });
  cluster.cut('ad ae').settle().ticks(1);
  t.same(cluster.texts('b'), ['x', 'stop 2'], 'the old voters hold it');
  t.equal(cluster.replica('a').decided, 1);
  cluster.mend().ticks(3);
  t.ok(cluster.replica('a').decided >= 2);
});

t.test('T14 a wait for new voters that never come ends', async (t) => {
  const cluster = led('abcde', 'abc', 'de').isolate('d').isolate('e').propose('a', 'x').reconfigure('a', 'ade');
  cluster.ticks(LIMITS.stoppingRounds + 1).propose('a', 'y');
  t.same(told(cluster, 'Refused'), ['a reconfigureRefused behind']);
  t.equal(cluster.replica('a').decided, 2);
});

t.test('a removed member serves until the new configuration has chosen an entry, and then retires', async (t) => {
  const cluster = led('abcd', 'abc', 'd').propose('a', 'x').reconfigure('a', 'abd').ticks(2);
  t.same(told(cluster, 'retired'), []);
  t.same(cluster.texts('c'), ['x', 'stop 2'], 'it knows that it is out');
  cluster.propose('a', 'y').ticks(4);
  t.same(told(cluster, 'retired'), ['c retired']);
});

t.test('who missed two configurations catches up through both stop-signs', async (t) => {
  const cluster = led('abcd', 'abc', 'd').isolate('c').propose('a', 'u', 'v', 'w');
  cluster.reconfigure('a', 'abc').propose('a', 'x').reconfigure('a', 'abc', 'd').propose('a', 'y').ticks(2);
  t.equal(cluster.replica('a').configuration.id, 3);
  cluster.mend().ticks(6);
  t.same(cluster.texts('c'), cluster.texts('a'));
  t.equal(cluster.replica('c').configuration.id, 3);
});

t.test('P7 a checkpoint brings its slot and its membership in one write, once', async (t) => {
  const cluster = led('abcd', 'abc').isolate('c').propose('a', 'x', 'y').reconfigure('a', 'abc', 'd');
  for (const name of 'abd') cluster.input(name, { kind: 'compact', through: slot(3) });
  cluster.mend().ticks(3);
  t.ok(told(cluster, 'checkpointNeeded').includes('c checkpointNeeded'));
  const before = cluster.replica('c');
  t.equal(before.decided, 0, 'the slot does not move without the data');
  const { configuration } = cluster.replica('a');
  const { effects } = step(before, { kind: 'install', slot: slot(3), configuration });
  const writes = effects.flatMap((effect) => (effect.kind === 'persist' ? [effect.write] : []));
  t.match(writes, [{ install: 3, decided: 3, configuration, accepted: NO_BALLOT, first: 4, entries: [], sync: true }]);
  cluster
    .input('c', { kind: 'install', slot: slot(3), configuration })
    .ticks(3)
    .propose('a', 'z')
    .ticks(2);
  t.same(cluster.texts('c'), ['z']);
  const again = step(cluster.replica('c'), { kind: 'install', slot: slot(3), configuration });
  t.same(again.effects, [], 'an older one is of no use');
  t.throws(() => step(before, { kind: 'install', slot: slot(2), configuration }), /I15/);
});

t.test('D10 a damaged replica does not deny what it may have accepted', async (t) => {
  const cluster = led('abc', 'abc').isolate('c').propose('a', 'x', 'y');
  t.equal(cluster.replica('a').decided, 2);
  // a and b chose y; a is away and b lost its row: nobody may go on as if y had never been.
  cluster.isolate('a').restart('b', (durable) => withDamage(durable, slot(2)));
  cluster.mend().isolate('a').ticks(10).propose('c', 'other');
  t.equal(cluster.leaders().replace('a', ''), '');
  t.equal(cluster.replica('b').abstains?.kind, 'damaged');
  cluster.mend().ticks(6);
  t.same(told(cluster, 'healed'), ['b healed']);
  for (const name of 'abc') t.same(cluster.texts(name), ['x', 'y'], name);
});

t.test('D10 a damaged minority heals while the others go on', async (t) => {
  const cluster = led('abc', 'abc').propose('a', 'x', 'y', 'z');
  cluster
    .restart('c', (durable) => withDamage(durable, slot(1)))
    .propose('a', 'w')
    .ticks(4);
  t.same(cluster.texts('c'), ['x', 'y', 'z', 'w']);
  t.same(told(cluster, 'healed'), ['c healed']);
});

t.test('D10 a damaged minority heals where nobody appends anything', async (t) => {
  const cluster = led('abc', 'abc').propose('a', 'x', 'y', 'z').ticks(2);
  const leader = cluster.replica('a').promised;
  cluster.restart('c', (durable) => withDamage(durable, slot(2))).ticks(4);
  t.same(cluster.replica('a').promised, leader, 'under a leader that saw it accept all');
  t.same(cluster.texts('c'), ['x', 'y', 'z']);
  t.same([told(cluster, 'healed'), cluster.replica('c').decided], [['c healed'], 3]);
});

/** `leader`, after a nack of `voter` has made it ask for a new promise, and `voter` says first that it holds all. */
function unheard(leader: Replica, voter: string): Replica {
  const { promised: ballot, log } = leader;
  const asked = receive(leader, nodeId(voter), { type: 'nack', ballot, promised: NO_BALLOT }).state;
  return receive(asked, nodeId(voter), { type: 'accepted', ballot, last: lastSlot(log) }).state;
}

t.test('D8 a wiped voter never votes again in its configuration', async (t) => {
  const cluster = led('abc', 'abc').propose('a', 'x');
  const wiped = { ...NOTHING_DURABLE, abstains: { kind: 'forgetful', configuration: 1 } } as const;
  cluster.restart('b', () => wiped).ticks(4);
  t.same(cluster.texts('b'), ['x'], 'it receives the log');
  cluster.isolate('c').propose('a', 'y');
  t.equal(cluster.replica('a').decided, 1, 'its acceptances do not count');
  t.equal(unheard(cluster.replica('a'), 'b').decided, 1, 'nor while the leader asks again who it is');
  cluster.input('a', { kind: 'read', id: 1 });
  t.same(told(cluster, 'readable'), [], 'nor do its confirmations');
  cluster.isolate('a').mend().isolate('a').ticks(6);
  t.equal(cluster.leaders().replace('a', ''), '', 'nor its promises');
  cluster.mend().ticks(4);
  const leader = cluster.leaders();
  cluster.reconfigure(leader, leader === 'a' ? 'ac' : 'ca', 'b').ticks(4);
  t.same(told(cluster, 'healed'), ['b healed'], 'it has said nothing in the next one');
});

t.test('D9 what a set-back voter accepts is not counted by a promise from before it forgot', async (t) => {
  const cluster = led('abc', 'abc').propose('a', 'x');
  // Of this ballot it lost nothing; what it may have promised after it, nobody knows.
  cluster.restart('b', (durable) => ({ ...durable, abstains: { kind: 'forgetful', configuration: 1 } }));
  cluster.isolate('c').propose('a', 'y');
  t.same(cluster.texts('b'), ['x', 'y'], 'it receives the log');
  t.equal(cluster.replica('a').decided, 1);
  cluster.mend().ticks(2);
  t.equal(cluster.replica('a').decided, 2, 'the others choose without it');
});

t.test('of two changes that were worked out from one configuration the second is refused', async (t) => {
  const cluster = led('abcde', 'abc').propose('a', 'x');
  cluster.reconfigure('a', 'abc', 'd', 1).reconfigure('a', 'abc', 'e', 1);
  t.same(told(cluster, 'Refused'), ['a reconfigureRefused stale']);
  t.same(cluster.replica('a').configuration.learners, ['d'], 'd is not put out again by whoever has not heard of it');
  cluster.reconfigure('a', 'abc', 'de', 2);
  t.same(cluster.replica('a').configuration.learners, ['d', 'e']);
});

t.test('what is under way has a bound, in entries and in bytes', async (t) => {
  const limits = { ...LIMITS, inFlightEntries: 3, inFlightBytes: 10 };
  const cluster = led('abc', 'abc', '', limits).isolate('a');
  cluster.propose('a', '1', '2').propose('a', '3', '4').propose('a', '12345678901').propose('a', '3');
  t.same(told(cluster, 'rejected'), ['a rejected busy', 'a rejected busy']);
  t.same(cluster.texts('a'), ['1', '2', '3']);
  cluster.mend().ticks(4).propose('a', 'a large one is taken when nothing is under way').ticks(1);
  t.equal(cluster.replica('a').decided, 4);
});

t.test('who lacks much learns it in pieces', async (t) => {
  const cluster = led('abc', 'abc').isolate('c');
  for (let n = 0; n < 20; n += 1) cluster.propose('a', String(n));
  cluster.transcript.length = 0;
  cluster.mend().ticks(3);
  t.equal(cluster.texts('c').length, 20);
  const pieces = cluster.transcript.filter((line) => / c (learn|accept)$/.test(line));
  t.ok(pieces.length >= 20 / LIMITS.learnEntries, 'no message carries more than its bound');
});

t.test('D1 nothing that needs the write leaves before it; a leader vouches for itself through the host', async (t) => {
  let leading: Replica = led('abc', 'abc').replica('a');
  const { state, effects } = step(leading, { kind: 'propose', entries: [bytes('x')] });
  t.same(
    effects.map((effect) =>
      effect.kind === 'send' ? `${effect.envelope.to} ${effect.envelope.message.type}` : effect.kind,
    ),
    ['b accept', 'c accept', 'persist', 'proposed', 'a accepted'],
  );
  leading = receive(state, nodeId('b'), { type: 'accepted', ballot: state.promised, last: slot(1) }).state;
  t.equal(leading.decided, 0, 'our own row may not be durable yet: one of three holds it');
});

t.test('only the decided slot needs no sync', async (t) => {
  const cluster = led('abc', 'abc').isolate('b').isolate('c');
  const { state } = step(cluster.replica('a'), { kind: 'propose', entries: [bytes('x')] });
  const { promised } = state;
  const one = receive(state, nodeId('b'), { type: 'accepted', ballot: promised, last: slot(1) }).state;
  const { effects } = receive(one, nodeId('c'), { type: 'accepted', ballot: promised, last: slot(1) });
  const writes = effects.flatMap((effect) => (effect.kind === 'persist' ? [effect.write] : []));
  t.match(writes, [{ decided: 1, sync: false, entries: [] }]);
});

t.test('P8 a confirmation of an earlier round answers no later read', async (t) => {
  const replica = led('abc', 'abc').replica('a');
  const confirmed = { type: 'confirmed', ballot: replica.promised, round: 1 } as const;
  const asked = step(replica, { kind: 'read', id: 1 }).state;
  const answered = receive(asked, nodeId('b'), confirmed);
  t.match(answered.effects, [{ kind: 'readable', ids: [1] }]);
  const again = step(answered.state, { kind: 'read', id: 2 }).state;
  t.same(receive(again, nodeId('c'), confirmed).effects, []);
});
