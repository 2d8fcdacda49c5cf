/** Learning what others decided: who is told of a gap asks, and who is told again does not. */
import t from 'tap';
import { slot } from '#src/paxos/contiguous-log.js';
import { a, b, ballotOf, entries, logOf, receive, replicaWith, sent } from './support.js';

const ballot = ballotOf(1, b);
const held = entries(ballot, 'x', 'y');
const behind = () => replicaWith({ promised: ballot, accepted: ballot, decided: slot(2), log: logOf(...held) }, a);

t.test('a copy of what is learned asks for nothing: questions and answers would breed', async (t) => {
  const copy = { type: 'learn', after: slot(0), entries: held, decided: slot(9) } as const;
  t.same(sent(receive(behind(), b, copy).effects), []);
  const part = { ...copy, after: slot(1), entries: held.slice(1) };
  t.same(sent(receive(behind(), b, part).effects), []);
});

t.test('who hears that there is more asks for it once, from where it is', async (t) => {
  const ask = [{ type: 'fetch', after: slot(2), to: b }];
  const announced = { type: 'learn', after: slot(9), entries: [], decided: slot(9) } as const;
  t.same(sent(receive(behind(), b, announced).effects), ask, 'told by how far another is');
  const gap = { type: 'learn', after: slot(5), entries: entries(ballot, 'z'), decided: slot(9) } as const;
  t.same(sent(receive(behind(), b, gap).effects), ask, 'or by what lies beyond a gap');
  t.same(sent(receive(behind(), b, { ...announced, decided: slot(2) }).effects), [], 'who lacks nothing asks nothing');
});
