/** Changes of membership under way: worked out anew, one after the other, and what is said when their time is over. */
import t from 'tap';
import { SnapcommitError } from '#src/errors.js';
import { Members, type Proposal } from '#src/log/members.js';
import { nodeId } from '#src/paxos/ballot.js';
import type { Configuration } from '#src/paxos/configuration.js';
import { slot } from '#src/paxos/contiguous-log.js';
import type { MemberChange } from '#src/ports/cluster-log.js';

const FIRST_ID = 100;

function configurationOf(id: number, voters: string, learners = ''): Configuration {
  return { id, voters: Array.from(voters).map(nodeId), learners: Array.from(learners).map(nodeId), after: slot(0) };
}

const joining =
  (node: string): MemberChange =>
  ({ voters, learners }) => ({ voters, learners: [...learners.filter((one) => one !== node), node] });

/** One node's side; what it says goes to `asked`, if `hasLeader`. */
function oneNode(hasLeader = true) {
  const asked: Proposal[] = [];
  const timeUp: (() => void)[] = [];
  let configuration = configurationOf(1, 'abc');
  const timers = {
    after: (_: number, work: () => void) => {
      timeUp.push(work);
      return () => undefined;
    },
  };
  const members = new Members(timers, 1000, FIRST_ID, {
    ask: (proposal) => hasLeader && asked.push(proposal) > 0,
    configuration: () => configuration,
  });
  const enter = (next: Configuration) => {
    configuration = next;
    members.configured();
  };
  /** How it ends; null: it has not. */
  const outcomeOf = (change: MemberChange): { now: Configuration | string | null } => {
    const outcome: { now: Configuration | string | null } = { now: null };
    members.change(change).then(
      (done) => (outcome.now = done),
      (error: unknown) => (outcome.now = (error as SnapcommitError).code),
    );
    return outcome;
  };
  const settled = async () => new Promise((resolve) => setImmediate(resolve));
  return { members, asked, timeUp, enter, outcomeOf, settled };
}

t.test('where another change comes first, it is worked out anew from what that one left', async (t) => {
  const { asked, enter, outcomeOf, settled } = oneNode();
  const outcome = outcomeOf(joining('d'));
  t.match(asked, [{ base: 1, learners: ['d'] }]);
  enter(configurationOf(2, 'abc', 'e'));
  t.match(asked.slice(1), [{ base: 2, learners: ['e', 'd'] }]);
  enter(configurationOf(3, 'abc', 'ed'));
  await settled();
  t.match(outcome.now, { id: 3 });
  const [first, second] = asked;
  t.ok(first !== undefined && second !== undefined && first.id > FIRST_ID && second.id > first.id, 'ids of their own');
});

t.test('two changes on one node are made one after the other', async (t) => {
  const { asked, enter, outcomeOf, settled } = oneNode();
  const [d, e] = [outcomeOf(joining('d')), outcomeOf(joining('e'))];
  t.match(asked, [{ learners: ['d'] }]);
  t.equal(asked.length, 1);
  enter(configurationOf(2, 'abc', 'd'));
  t.match(asked[1], { base: 2, learners: ['d', 'e'] });
  enter(configurationOf(3, 'abc', 'de'));
  await settled();
  t.match([d.now, e.now], [{ id: 2 }, { id: 3 }]);
});

t.test('what stands already is done at once, and what the change itself refuses is told', async (t) => {
  const { asked, outcomeOf, enter, settled } = oneNode();
  enter(configurationOf(2, 'abc', 'd'));
  const done = outcomeOf(joining('d'));
  const refused = outcomeOf(() => {
    throw Object.assign(new Error('no'), { code: 'IN_USE' });
  });
  await settled();
  t.match(done.now, { id: 2 });
  t.equal(refused.now, 'IN_USE');
  t.same(asked, []);
});

t.test(
  'L6 when its time is over, what may still be carried out is unknown, and only what cannot is not done',
  async (t) => {
    const ends = async (end: (node: ReturnType<typeof oneNode>) => void, hasLeader = true) => {
      const node = oneNode(hasLeader);
      const outcome = node.outcomeOf(joining('d'));
      end(node);
      for (const up of node.timeUp) up();
      await node.settled();
      return outcome.now;
    };
    t.equal(await ends(() => undefined), 'OUTCOME_UNKNOWN', 'nobody answered');
    t.equal(await ends(() => undefined, false), 'UNAVAILABLE', 'there was nobody to say it to');
    t.equal(await ends(({ members }) => members.refused(FIRST_ID + 1, 'behind')), 'UNAVAILABLE', 'it was refused');
    const later = ({ members }: ReturnType<typeof oneNode>) => {
      members.tick(10);
      members.refused(FIRST_ID + 2, 'busy');
    };
    t.equal(await ends(later), 'OUTCOME_UNKNOWN', 'the second attempt was refused, since the first is under way');
    t.equal(
      await ends(({ members }) => members.refused(FIRST_ID + 1, 'invalid')),
      'USAGE',
      'and what can never be ends',
    );
  },
);

t.test('L6 a log that is closed knows no more of an attempt that was made', async (t) => {
  const { members, outcomeOf, settled } = oneNode();
  const [asked, waiting] = [outcomeOf(joining('d')), outcomeOf(joining('e'))];
  members.end(new SnapcommitError('UNAVAILABLE', 'closed'));
  await settled();
  t.same([asked.now, waiting.now], ['OUTCOME_UNKNOWN', 'UNAVAILABLE']);
});
