/** What a node hears while it is not known to its peers, has no room, or has a disk that hangs. */
import t from 'tap';
import { mayReachCore, type NodeCondition } from '#src/log/message-gate.js';
import { NO_BALLOT } from '#src/paxos/ballot.js';
import { slot } from '#src/paxos/contiguous-log.js';
import type { Message } from '#src/paxos/messages.js';
import { ballotOf, entries } from '../paxos/support.js';

const ballot = ballotOf(2);
const some = entries(ballot, 'x');
const at = slot(0);
const MESSAGES = {
  prepare: { type: 'prepare', ballot, accepted: NO_BALLOT, decided: at, last: at },
  acceptSync: { type: 'acceptSync', ballot, after: at, entries: [], decided: at },
  accept: { type: 'accept', ballot, after: at, entries: some, decided: at },
  'empty accept': { type: 'accept', ballot, after: at, entries: [], decided: at },
  learn: { type: 'learn', after: at, entries: some, decided: slot(1) },
  'empty learn': { type: 'learn', after: at, entries: [], decided: slot(1) },
  compacted: { type: 'compacted', ballot, base: slot(1) },
  heartbeat: { type: 'heartbeat', round: 1 },
  heartbeatReply: { type: 'heartbeatReply', round: 1, ballot, happy: true, standing: 'voting', decided: at },
  confirm: { type: 'confirm', ballot, round: 1 },
  decide: { type: 'decide', ballot, decided: at },
} as const satisfies Record<string, Message>;
type Name = keyof typeof MESSAGES;

const WELL: NodeCondition = { isProven: true, isFull: false, diskStalls: false };

function passing(condition: Partial<NodeCondition>, ahead = 0): readonly Name[] {
  const names = Object.keys(MESSAGES) as Name[];
  return names.filter((name) => mayReachCore(MESSAGES[name], ahead, { ...WELL, ...condition }));
}

const ALL = Object.keys(MESSAGES);
const without = (...names: readonly Name[]) => ALL.filter((name) => !names.some((one) => one === name));

t.test('who is well hears everything', async (t) => {
  for (const ahead of [-1, 0, 1]) t.same(passing({}, ahead), ALL);
});

t.test('D8 who is not proven only learns, in its own configuration', async (t) => {
  t.same(passing({ isProven: false }), ['learn', 'empty learn', 'compacted']);
  t.same(passing({ isProven: false }, 1), ALL, 'from another one nothing else comes of it');
  t.same(passing({ isProven: false }, -1), ALL);
});

t.test('L6 a full disk takes no entries, and nothing that would make it ask for some', async (t) => {
  t.same(passing({ isFull: true }), without('acceptSync', 'accept', 'learn'));
  t.same(passing({ isFull: true }, 1), [], 'who is ahead would be asked again at once, for ever');
  t.same(passing({ isFull: true }, -1), without('acceptSync', 'accept', 'learn'));
});

t.test('a disk that hangs is given nothing that would pile up in memory until it answers', async (t) => {
  t.same(passing({ diskStalls: true }), without('prepare', 'acceptSync', 'accept', 'learn'));
  t.same(passing({ diskStalls: true }, 1), []);
});
