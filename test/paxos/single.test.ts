import t from 'tap';
import { sameBallot } from '#src/paxos/ballot.js';
import { slot } from '#src/paxos/contiguous-log.js';
import { step } from '#src/paxos/replica.js';
import { a, ballotOf, bytes, entries, kinds, logOf, one, replicaWith, steps, textOf, texts } from './support.js';

t.test('D4 a single replica goes from prepare to chosen in one step, and persists before it says chosen', async (t) => {
  const { state, effects } = step(replicaWith({}, a, one), { kind: 'campaign', entries: [bytes('x'), bytes('y')] });
  t.same(kinds(effects), ['persist', 'proposed', 'chosen']);
  const [persist, , chosen] = effects;
  t.ok(persist?.kind === 'persist' && chosen?.kind === 'chosen');
  if (persist?.kind !== 'persist' || chosen?.kind !== 'chosen') return;
  t.same(persist.write.entries.map(textOf), ['x', 'y']);
  t.equal(persist.write.first, 1);
  t.equal(persist.write.decided, 2);
  t.ok(sameBallot(persist.write.promised, ballotOf(1)) && sameBallot(persist.write.accepted, ballotOf(1)));
  t.same(chosen.entries.map(textOf), ['x', 'y']);
  t.equal(state.role.kind, 'leading');
});

t.test('a leader needs no second phase 1', async (t) => {
  const begun = step(replicaWith({}, a, one), { kind: 'campaign', entries: [bytes('x')] }).state;
  const { state, effects } = step(begun, { kind: 'propose', entries: [bytes('y')] });
  t.same(kinds(effects), ['persist', 'proposed', 'chosen']);
  t.ok(sameBallot(state.promised, ballotOf(1)));
  t.same(texts(state), ['x', 'y']);
});

t.test('D3 after a restart a single replica takes a ballot that was never used', async (t) => {
  const durable = {
    promised: ballotOf(4),
    accepted: ballotOf(4),
    decided: slot(1),
    log: logOf(...entries(ballotOf(4), 'x')),
  };
  const { state } = step(replicaWith(durable, a, one), { kind: 'campaign', entries: [bytes('y')] });
  t.ok(sameBallot(state.promised, ballotOf(5)));
  t.same(texts(state), ['x', 'y']);
});

t.test('what a crash left accepted and undecided is chosen before anything new', async (t) => {
  const durable = { promised: ballotOf(1), accepted: ballotOf(1), log: logOf(...entries(ballotOf(1), 'x')) };
  const { effects } = step(replicaWith(durable, a, one), { kind: 'campaign', entries: [bytes('y')] });
  const chosen = effects.flatMap((effect) => (effect.kind === 'chosen' ? effect.entries.map(textOf) : []));
  t.same(chosen, ['x', 'y']);
});

t.test('a follower rejects what it cannot propose', async (t) => {
  t.same(kinds(step(replicaWith(), { kind: 'propose', entries: [bytes('x')] }).effects), ['rejected']);
});

t.test('compacting forgets bytes and nothing else', async (t) => {
  const all = ['x', 'y', 'z'].map(bytes);
  const { state } = steps(
    replicaWith({}, a, one),
    { kind: 'campaign', entries: all },
    { kind: 'compact', through: slot(2) },
    { kind: 'propose', entries: [bytes('w')] },
  );
  t.equal(state.log.base, 2);
  t.same(texts(state), ['z', 'w']);
  t.equal(state.decided, 4);
});
