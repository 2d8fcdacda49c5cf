/** Every message × every role × lower, equal and higher ballot: what must hold in each of the cells. */
import t from 'tap';
import { compareBallots, NO_BALLOT, sameBallot, type Ballot } from '#src/paxos/ballot.js';
import { slot } from '#src/paxos/contiguous-log.js';
import type { Message } from '#src/paxos/messages.js';
import { step } from '#src/paxos/replica.js';
import type { Replica } from '#src/paxos/state.js';
import { a, b, ballotOf, bytes, entries, logOf, receive, replicaWith, sent, steps } from './support.js';

const none = slot(0);

/** All three hold slot 1 under ballot 2.a or 1.b and have promised 2.a; `b` is the sender. */
function roles(): Readonly<Record<Replica['role']['kind'], Replica>> {
  const first = ballotOf(1, b);
  const held = { promised: first, accepted: first, log: logOf(...entries(first, 'x')) };
  const preparing = step(replicaWith(held), { kind: 'campaign', entries: [bytes('y')] }).state;
  const promise = {
    type: 'promise',
    ballot: ballotOf(2),
    accepted: first,
    decided: none,
    last: slot(1),
    after: slot(1),
    suffix: [],
    standing: 'voting',
  } as const;
  const leading = receive(preparing, b, promise).state;
  const follower = replicaWith({ ...held, promised: ballotOf(2, a), accepted: first });
  return { follower, preparing, leading };
}

function messages(under: Ballot): readonly Message[] {
  return [
    { type: 'prepare', ballot: under, accepted: NO_BALLOT, decided: none, last: none },
    {
      type: 'promise',
      ballot: under,
      accepted: NO_BALLOT,
      decided: none,
      last: none,
      after: none,
      suffix: [],
      standing: 'voting',
    },
    { type: 'acceptSync', ballot: under, after: slot(1), entries: [], decided: none },
    { type: 'accept', ballot: under, after: slot(1), entries: [], decided: none },
    { type: 'accepted', ballot: under, last: slot(1) },
    { type: 'decide', ballot: under, decided: slot(1) },
    { type: 'nack', ballot: under, promised: ballotOf(9, b) },
    { type: 'compacted', ballot: under, base: none },
  ];
}

t.test('every message in every role with a lower, an equal and a higher ballot', async (t) => {
  for (const [role, before] of Object.entries(roles()))
    for (const under of [ballotOf(1), ballotOf(2), ballotOf(3, b)])
      for (const message of messages(under)) {
        // Only a ballot's owner sends these, and 2.a is ours.
        const fromOwner = ['prepare', 'acceptSync', 'accept', 'decide'].includes(message.type);
        if (fromOwner && sameBallot(under, ballotOf(2))) continue;
        const order = compareBallots(under, before.promised);
        const { state, effects } = receive(before, b, message);
        const cell = `${role} ${message.type} ${String(Math.sign(order))}`;
        const answers = sent(effects).map((answer) => answer.type);
        checkCell(t, cell, before, state, message, order, answers);
      }
});

function checkCell(
  t: Pick<typeof import('tap').default, 'same' | 'equal' | 'ok'>,
  cell: string,
  before: Replica,
  after: Replica,
  message: Message,
  order: number,
  answers: readonly string[],
): void {
  const asksAcceptor = ['prepare', 'acceptSync', 'accept'].includes(message.type);
  if (asksAcceptor && order < 0) t.same(answers, ['nack'], `${cell}: a lower ballot is refused`);
  if (message.type === 'prepare' && order > 0) {
    t.same(answers, ['promise'], `${cell}: a higher one is promised`);
    t.ok(sameBallot(after.promised, message.ballot), cell);
    t.equal(after.role.kind, 'follower', `${cell}: who promises another ballot leads no more`);
  }
  if (message.type !== 'prepare')
    t.ok(sameBallot(after.promised, before.promised), `${cell}: only prepare raises the promise`);
  if ((message.type === 'acceptSync' || message.type === 'accept') && order > 0)
    t.equal(after, before, `${cell}: nothing is accepted under a ballot that was not promised`);
  if (message.type === 'nack' && order === 0 && before.role.kind !== 'follower')
    t.equal(after.role.kind, 'follower', cell);
  if (message.type !== 'prepare' && order !== 0)
    t.equal(after.role.kind, before.role.kind, `${cell}: a stale answer changes no role`);
  if (order !== 0) t.equal(after.decided, before.decided, `${cell}: another ballot's message decides nothing`);
}

t.test('a promise under our ballot makes a preparing replica the leader, once', async (t) => {
  const { preparing, leading } = roles();
  const promise = messages(ballotOf(2))[1];
  if (promise?.type !== 'promise') throw new Error('the second message is a promise');
  t.equal(receive(preparing, b, promise).state.role.kind, 'leading');
  t.equal(receive(leading, b, promise).state.log, leading.log, 'a repeated promise rewrites nothing');
});

t.test('resending repeats exactly what is not answered', async (t) => {
  const { follower, preparing, leading } = roles();
  const to = (state: Replica): readonly string[] =>
    sent(steps(state, { kind: 'resend' }).effects).map((message) => `${message.type} ${message.to}`);
  t.same(to(follower), []);
  t.same(to(preparing), ['prepare b', 'prepare c']);
  t.same(to(leading), ['acceptSync b', 'prepare c']);
});

t.test('P8 a leader whose adopted log is not chosen yet refuses to be read', async (t) => {
  const { leading } = roles();
  t.same(step(leading, { kind: 'read', id: 3 }).effects, [{ kind: 'readRefused', ids: [3], reason: 'notLeading' }]);
});
