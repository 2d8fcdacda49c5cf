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
