import t from 'tap';
import { ballot, compareBallots, highestBallot, nextBallot, nodeId, NO_BALLOT } from '#src/paxos/ballot.js';

const nodes = ['a', 'b', 'c'].map(nodeId);
const all = [NO_BALLOT, ...[1, 2, 3].flatMap((round) => nodes.map((node) => ballot(round, node)))];

t.test('ballots are totally ordered by round, then by node', async (t) => {
  // `all` is written in the order that is promised.
  for (const [i, left] of all.entries())
    for (const [j, right] of all.entries()) {
      t.equal(Math.sign(compareBallots(left, right)), Math.sign(i - j));
      t.equal(highestBallot(left, right), all[Math.max(i, j)]);
    }
});

t.test('D3 the next ballot goes past every other, whoever it belongs to', async (t) => {
  for (const past of all)
    for (const node of nodes) {
      const next = nextBallot(past, node);
      t.ok(compareBallots(next, past) > 0);
      t.equal(next.node, node);
    }
});

t.test('a round from outside is checked', async (t) => {
  for (const round of [-1, 0.5, Number.NaN, 2 ** 53]) t.throws(() => ballot(round, nodeId('a')), RangeError);
});
