/** Whose store its peers know, and since when that counts. */
import t from 'tap';
import { Acquaintances } from '#src/log/acquaintances.js';
import { Greetings } from '#src/log/greetings.js';
import type { WireMessage } from '#src/log/wire-message.js';
import { nodeId } from '#src/paxos/ballot.js';
import type { Configuration } from '#src/paxos/configuration.js';
import { slot } from '#src/paxos/contiguous-log.js';

const SELF = nodeId('n');
const LIFE = { id: 's', starts: 1, nonce: 'n1', startedAt: 0, batches: 0, earlier: [] };

function configurationOf(id: number, voters: string, learners = ''): Configuration {
  return { id, voters: voters.split('').map(nodeId), learners: learners.split('').map(nodeId), after: slot(0) };
}

function started(first: Configuration) {
  const sent: WireMessage[] = [];
  const forgot: number[] = [];
  let configuration = first;
  const greetings = new Greetings(SELF, new Acquaintances(SELF, {}), {
    send: (_, message) => void sent.push(message),
    configuration: () => configuration,
    life: () => LIFE,
    forgetfulThrough: () => 0,
    forget: (through) => void forgot.push(through),
  });
  greetings.greetAll();
  const enter = (next: Configuration) => {
    configuration = next;
    sent.length = 0;
    greetings.greetAll();
  };
  const judged = (from: string, verdict: 'known' | 'rolledBack', id: number) => {
    greetings.judged(from, { type: 'verdict', nonce: LIFE.nonce, verdict, configuration: id });
  };
  const asks = () => sent.some((message) => message.type === 'greeting' && message.answer);
  return { greetings, sent, forgot, enter, judged, asks };
}

t.test('D9 a learner that becomes a voter is proven only when its peers of that configuration know it', async (t) => {
  const { greetings, enter, judged, asks, forgot } = started(configurationOf(1, 'ab', 'n'));
  t.ok(greetings.isProven, 'as a learner it has nothing to prove');
  judged('a', 'known', 1);
  judged('b', 'known', 1);
  greetings.tick(8);
  enter(configurationOf(2, 'abn'));
  t.notOk(greetings.isProven, 'what was said of it before it voted does not count');
  t.ok(asks(), 'it asks at once');
  judged('b', 'known', 1);
  t.notOk(greetings.isProven, 'nor what one says that knows nothing of this configuration yet');
  judged('a', 'rolledBack', 2);
  t.same(forgot, [2], 'it may have voted before it was set back');
  judged('b', 'known', 2);
  t.ok(greetings.isProven);
});

t.test('a voter that was proven stays so, and one alone is from the start', async (t) => {
  const { greetings, enter, judged } = started(configurationOf(1, 'an'));
  t.notOk(greetings.isProven);
  judged('a', 'known', 2);
  t.ok(greetings.isProven);
  enter(configurationOf(2, 'abcn'));
  t.ok(greetings.isProven, 'what it promised since it started, it knows');
  t.ok(started(configurationOf(1, 'n')).greetings.isProven);
});

t.test('who connects is told at once whose store this is, and a stranger nothing', async (t) => {
  const { greetings, sent } = started(configurationOf(1, 'an'));
  sent.length = 0;
  greetings.met('stranger');
  t.same(sent, []);
  greetings.met('a');
  t.match(sent, [{ type: 'greeting', life: LIFE }]);
});

const PEER = 'p';
const LIVED = { id: 's', starts: 2, nonce: 'n2', startedAt: 5, batches: 90, earlier: [] };
/** The same store, set back and started again. */
const SET_BACK = {
  ...LIVED,
  nonce: 'n3',
  starts: 3,
  startedAt: 40,
  batches: 40,
  earlier: [{ start: 2, nonce: 'n2', startedAt: 5, batches: 40 }],
};

t.test('D9 a set-back learner’s store is not taken for the one that was seen as a voter later on', async (t) => {
  const known = new Acquaintances(SELF, {});
  // We are in configuration 3 still; the peer was in 4, where it votes.
  t.match(known.meet(PEER, { life: LIVED, configuration: 4, forgetfulThrough: 0 }, 3), { verdict: 'new' });
  const asLearner = { life: SET_BACK, configuration: 3, forgetfulThrough: 3 };
  t.same(known.meet(PEER, asLearner, 3), { verdict: 'rolledBack', configuration: 4 }, 'it may have voted in 4');
  const asVoter = { life: SET_BACK, configuration: 4, forgetfulThrough: 0 };
  t.same(known.meet(PEER, asVoter, 4), { verdict: 'rolledBack', configuration: 4 }, 'nor later');
  const knowing = { life: SET_BACK, configuration: 3, forgetfulThrough: 4 };
  t.match(known.meet(PEER, knowing, 4), { verdict: 'known' }, 'but one that knows that it forgot');
  t.match(known.meet(PEER, { ...asVoter, configuration: 5 }, 5), { verdict: 'known' }, 'votes in the next one');
});

t.test('D8 who joined anew under its old name is known, as a learner of a later configuration', async (t) => {
  const known = new Acquaintances(SELF, {});
  known.meet(PEER, { life: LIVED, configuration: 3, forgetfulThrough: 0 }, 3);
  const anew = { ...LIVED, id: 'other', starts: 1, nonce: 'm1', startedAt: 0, batches: 0 };
  t.match(known.meet(PEER, { life: anew, configuration: 4, forgetfulThrough: 4 }, 3), { verdict: 'known' });
});

t.test('D9 a promise or an acceptance tells how far its store had come', async (t) => {
  const known = new Acquaintances(SELF, {});
  t.notOk(known.takesWordOf(PEER, { nonce: 'n2', batches: 1 }, 1), 'nobody is believed who has not greeted');
  known.meet(PEER, { life: { ...LIVED, batches: 30 }, configuration: 1, forgetfulThrough: 0 }, 1);
  t.ok(known.takesWordOf(PEER, { nonce: 'n2', batches: 90 }, 1));
  t.match(known.takeChanged(), { [PEER]: { batches: 90, starts: 2 } }, 'it is remembered with the next batch');
  const again = { life: SET_BACK, configuration: 1, forgetfulThrough: 0 };
  t.match(known.meet(PEER, again, 1), { verdict: 'rolledBack' }, 'though no greeting came in between');
});

t.test('D9 the word of an earlier start is not heard once a later one is known', async (t) => {
  const known = new Acquaintances(SELF, {});
  known.meet(PEER, { life: { ...LIVED, batches: 30 }, configuration: 1, forgetfulThrough: 0 }, 1);
  t.match(known.meet(PEER, { life: SET_BACK, configuration: 1, forgetfulThrough: 0 }, 1), { verdict: 'known' });
  t.notOk(known.takesWordOf(PEER, { nonce: 'n2', batches: 90 }, 1), 'of what it accepted then it may have lost some');
  t.ok(known.takesWordOf(PEER, { nonce: 'n3', batches: 41 }, 1));
});

t.test('D9 a store that knows that it forgot is heard, whatever others still tell of its clone', async (t) => {
  const known = new Acquaintances(SELF, {});
  const clone = { id: LIVED.id, starts: LIVED.starts + 1, nonce: 'clone', batches: 20, configuration: 3 };
  known.hear(PEER, clone);
  t.match(known.meet(PEER, { life: LIVED, configuration: 3, forgetfulThrough: 0 }, 3), { verdict: 'rolledBack' });
  t.match(known.meet(PEER, { life: LIVED, configuration: 3, forgetfulThrough: 3 }, 3), { verdict: 'known' });
  known.hear(PEER, clone);
  t.ok(known.takesWordOf(PEER, { nonce: LIVED.nonce, batches: 60 }, 3), 'it can be taught');
  known.hear(PEER, { ...clone, configuration: 4 });
  t.notOk(
    known.takesWordOf(PEER, { nonce: LIVED.nonce, batches: 61 }, 4),
    'where the clone has voted since, it counts',
  );
});
