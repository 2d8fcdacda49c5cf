/** Failures with a name, each as the shortest run of messages that shows it. */
import t from 'tap';
import { NO_BALLOT, sameBallot } from '#src/paxos/ballot.js';
import { logFrom, slot } from '#src/paxos/contiguous-log.js';
import type { PromiseBallot } from '#src/paxos/messages.js';
import { step } from '#src/paxos/replica.js';
import {
  a,
  b,
  ballotOf,
  bytes,
  c,
  entries,
  kinds,
  logOf,
  receive,
  replicaWith,
  sent,
  steps,
  textOf,
  texts,
  three,
} from './support.js';

function promise(under: ReturnType<typeof ballotOf>, fields: Partial<PromiseBallot> = {}): PromiseBallot {
  const none = slot(0);
  return {
    type: 'promise',
    ballot: under,
    accepted: NO_BALLOT,
    decided: none,
    last: none,
    after: none,
    suffix: [],
    standing: 'voting',
    ...fields,
  };
}

t.test('D1 a promise and a vote leave only after the write that holds them', async (t) => {
  const first = receive(replicaWith({}, b), a, {
    type: 'prepare',
    ballot: ballotOf(1),
    accepted: NO_BALLOT,
    decided: slot(0),
    last: slot(0),
  });
  t.same(kinds(first.effects), ['persist', 'send']);
  const held = entries(ballotOf(1), 'x');
  const second = receive(first.state, a, {
    type: 'acceptSync',
    ballot: ballotOf(1),
    after: slot(0),
    entries: held,
    decided: slot(0),
  });
  t.same(kinds(second.effects), ['persist', 'send']);
  t.same(sent(second.effects), [{ type: 'accepted', ballot: ballotOf(1), last: 1, to: a }]);
});

t.test('D2 one write holds both ballots and the rows', async (t) => {
  const promised = receive(replicaWith({}, b), a, {
    type: 'prepare',
    ballot: ballotOf(1),
    accepted: NO_BALLOT,
    decided: slot(0),
    last: slot(0),
  }).state;
  const held = entries(ballotOf(1), 'x');
  const { effects } = receive(promised, a, {
    type: 'acceptSync',
    ballot: ballotOf(1),
    after: slot(0),
    entries: held,
    decided: slot(0),
  });
  const writes = effects.flatMap((effect) => (effect.kind === 'persist' ? [effect.write] : []));
  t.same(writes, [
    {
      promised: ballotOf(1),
      accepted: ballotOf(1),
      decided: 0,
      configuration: three,
      abstains: null,
      first: 1,
      entries: held,
      install: null,
      sync: true,
    },
  ]);
});

t.test('P1 nobody leads before a majority has promised, and what it held is proposed again first', async (t) => {
  const waiting = step(replicaWith(), { kind: 'campaign', entries: [bytes('mine')] });
  t.equal(waiting.state.role.kind, 'preparing');
  t.same(
    sent(waiting.effects).map((message) => message.type),
    ['prepare', 'prepare'],
  );
  const suffix = entries(ballotOf(0, b), 'old');
  const answer = promise(ballotOf(1), { last: slot(1), accepted: NO_BALLOT, suffix });
  const { state, effects } = receive(waiting.state, b, answer);
  t.equal(state.role.kind, 'leading');
  t.same(texts(state), ['old', 'mine']);
  t.same(
    sent(effects).flatMap((message) =>
      message.type === 'acceptSync' ? [[message.to, message.after, message.entries.map(textOf)]] : [],
    ),
    [[b, 1, ['mine']]],
    'the voter that holds the first entry gets only what it lacks',
  );
});

t.test('P2 a suffix is joined where it begins, not at the decided slot', async (t) => {
  const old = ballotOf(1, c);
  const held = { promised: old, accepted: old, decided: slot(1), log: logOf(...entries(old, 'x', 'y')) };
  const waiting = step(replicaWith(held), { kind: 'campaign', entries: [] }).state;
  const suffix = entries(old, 'z');
  const answer = promise(ballotOf(2), { accepted: old, last: slot(3), after: slot(2), suffix, decided: slot(1) });
  t.same(texts(receive(waiting, b, answer).state), ['x', 'y', 'z']);
});

t.test('P3 the log of the highest accepted ballot wins over a longer one', async (t) => {
  const stale = ballotOf(1, c);
  const held = { promised: stale, accepted: stale, log: logOf(...entries(stale, 'stale', 'stale')) };
  const waiting = step(replicaWith(held), { kind: 'campaign', entries: [] }).state;
  const newer = ballotOf(2, b);
  const answer = promise(ballotOf(2), { accepted: ballotOf(1, c), last: slot(2), after: slot(2) });
  t.same(texts(receive(waiting, b, answer).state), ['stale', 'stale'], 'the same log from another voter');
  const chosen = promise(ballotOf(2), { accepted: newer, last: slot(1), suffix: entries(newer, 'chosen') });
  const higher = { ...held, promised: newer };
  const campaigned = step(replicaWith(higher), { kind: 'campaign', entries: [] }).state;
  t.same(texts(receive(campaigned, b, { ...chosen, ballot: ballotOf(3) }).state), ['chosen']);
});

t.test('P4 entries that do not join the log are not accepted', async (t) => {
  const under = ballotOf(1);
  const synced = { promised: under, accepted: under, log: logOf(...entries(under, 'x')) };
  const { state, effects } = receive(replicaWith(synced, b), a, {
    type: 'accept',
    ballot: under,
    after: slot(3),
    entries: entries(under, 'w'),
    decided: slot(4),
  });
  t.same(texts(state), ['x']);
  t.match(
    sent(effects),
    [{ type: 'promise', ballot: under, last: 1, suffix: [], to: a }],
    'it says how far it really is',
  );
  const empty = receive(replicaWith({ promised: under }, b), a, {
    type: 'accept',
    ballot: under,
    after: slot(0),
    entries: entries(under, 'x'),
    decided: slot(0),
  });
  t.same(texts(empty.state), [], 'a log that was never brought in line accepts nothing');
  t.same(
    sent(empty.effects).map((message) => message.type),
    ['promise'],
  );
});

t.test('P5 acceptances under an earlier ballot choose nothing', async (t) => {
  const first = ballotOf(1);
  const held = { promised: first, accepted: first, log: logOf(...entries(first, 'x', 'y')) };
  const { state: leading } = steps(
    replicaWith(held),
    { kind: 'campaign', entries: [] },
    {
      kind: 'receive',
      from: b,
      configuration: 1,
      message: promise(ballotOf(2), { accepted: first, last: slot(1), after: slot(1) }),
    },
  );
  t.equal(leading.role.kind, 'leading');
  const own = receive(leading, a, { type: 'accepted', ballot: ballotOf(2), last: slot(2) }).state;
  const late = receive(own, b, { type: 'accepted', ballot: first, last: slot(2) });
  t.equal(late.state.decided, 0);
  const fresh = receive(own, b, { type: 'accepted', ballot: ballotOf(2), last: slot(2) });
  t.equal(fresh.state.decided, 2);
});

t.test('D10 the promise of a voter that lost rows, or of one that forgot, makes nobody a leader', async (t) => {
  const chosen = entries(ballotOf(0, b), 'chosen');
  for (const standing of ['damaged', 'forgetful'] as const) {
    const waiting = step(replicaWith(), { kind: 'campaign', entries: [bytes('mine')] }).state;
    const told = receive(waiting, b, promise(ballotOf(1), { standing })).state;
    t.equal(told.role.kind, 'preparing', `${standing}: it may have accepted what it does not name`);
    const { state } = receive(told, c, promise(ballotOf(1), { last: slot(1), suffix: chosen }));
    t.equal(state.role.kind, 'leading');
    t.same(texts(state), ['chosen', 'mine'], 'which the third voter still has');
  }
});

t.test('a leader that hears of a higher ballot steps down and goes past it next time', async (t) => {
  const waiting = step(replicaWith(), { kind: 'campaign', entries: [bytes('x')] }).state;
  const { state, effects } = receive(waiting, b, { type: 'nack', ballot: ballotOf(1), promised: ballotOf(7, c) });
  t.equal(state.role.kind, 'follower');
  t.same(kinds(effects), ['rejected'], 'what never had a ballot is certainly not done');
  const again = step(state, { kind: 'campaign', entries: [] }).state;
  t.ok(sameBallot(again.promised, ballotOf(8)));
});

t.test('who lags behind a compacted log is told that it needs a checkpoint', async (t) => {
  const under = ballotOf(1, c);
  const held = { promised: under, accepted: under, decided: slot(5), log: logFrom(slot(5), []) };
  const prepare = {
    type: 'prepare',
    ballot: ballotOf(2, b),
    accepted: NO_BALLOT,
    decided: slot(0),
    last: slot(0),
  } as const;
  const answer = sent(receive(replicaWith(held), b, prepare).effects);
  t.same(answer, [{ type: 'compacted', ballot: ballotOf(2, b), base: 5, to: b }]);
  const waiting = step(replicaWith({}, b), { kind: 'campaign', entries: [bytes('x')] }).state;
  const { state, effects } = receive(waiting, a, { type: 'compacted', ballot: ballotOf(1, b), base: slot(5) });
  t.same(kinds(effects), ['rejected', 'checkpointNeeded']);
  t.equal(state.role.kind, 'follower');
});

/** Holds what is gone from the log of `a` without having heard that it is decided; tries to lead. */
function behindWithAllOfIt() {
  const under = ballotOf(1, c);
  const held = { promised: under, accepted: under, log: logOf(...entries(under, 'x', 'y', 'z')) };
  const trying = step(replicaWith(held, b), { kind: 'campaign', entries: [] }).state;
  return receive(trying, a, { type: 'compacted', ballot: under, base: slot(2) });
}

t.test('P9 who holds all that is gone from another log leads: nobody may be able to send the checkpoint', async (t) => {
  const { state, effects } = behindWithAllOfIt();
  t.same(kinds(effects), ['checkpointNeeded'], 'it is asked for all the same');
  if (state.role.kind !== 'preparing') throw new Error('it tries no more');
  const own: PromiseBallot = {
    type: 'promise',
    ballot: state.role.ballot,
    accepted: NO_BALLOT,
    decided: slot(0),
    last: slot(0),
    after: slot(0),
    suffix: [],
    standing: 'voting',
  };
  const mine = { ...own, accepted: state.accepted, last: slot(3), after: slot(3) };
  const led = receive(receive(state, b, mine).state, c, own).state;
  t.equal(led.role.kind, 'leading');
  t.same(texts(led), ['x', 'y', 'z'], 'with what may have been chosen');
});

t.test('P9 it lets somebody lead who has that checkpoint, and can vote', async (t) => {
  const reached = (decided: number) => {
    let { state } = behindWithAllOfIt();
    state = { ...state, election: { ...state.election, round: 1 } };
    const { round } = state.election;
    for (const from of [a, c]) {
      const message = {
        type: 'heartbeatReply',
        round,
        ballot: NO_BALLOT,
        happy: false,
        standing: 'voting',
        decided: slot(decided),
      } as const;
      state = receive(state, from, message).state;
    }
    for (let tick = 0; tick < state.limits.roundTicks; tick += 1) state = step(state, { kind: 'tick' }).state;
    return state.role.kind;
  };
  t.equal(reached(2), 'follower');
  t.equal(reached(1), 'preparing', 'and tries on where there is none');
});

t.test('P9 who is asked for what it does not have asks back: the other has it, and may be the only one', async (t) => {
  const asked = (after: number) =>
    sent(receive(replicaWith(), c, { type: 'fetch', after: slot(after) }).effects).map(({ type, to }) => [type, to]);
  t.same(asked(1), [['fetch', c]]);
  t.same(asked(0), [], 'who has as much asks nothing');
});

t.test('messages of another configuration or of a stranger change nothing', async (t) => {
  const state = replicaWith();
  const message = {
    type: 'prepare',
    ballot: ballotOf(9, b),
    accepted: NO_BALLOT,
    decided: slot(0),
    last: slot(0),
  } as const;
  t.equal(step(state, { kind: 'receive', from: b, configuration: 2, message }).state, state);
  t.equal(step(state, { kind: 'receive', from: 'x' as typeof a, configuration: 1, message }).state, state);
});
