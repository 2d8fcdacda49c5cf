/** What may leave before the disk has answered: nothing that a crash could make a lie. */
import t from 'tap';
import { passesUnsynced } from '#src/log/unsynced.js';
import { NO_BALLOT } from '#src/paxos/ballot.js';
import { slot } from '#src/paxos/contiguous-log.js';
import type { Effect } from '#src/paxos/effects.js';
import type { Message } from '#src/paxos/messages.js';
import { a, b, ballotOf, entries } from '../paxos/support.js';

const ballot = ballotOf(2);
const at = slot(1);
const sending = (message: Message, to = b): Effect => ({
  kind: 'send',
  envelope: { from: a, to, configuration: 1, message },
});

t.test('D1 what vouches for this disk waits for it', async (t) => {
  const log = { accepted: NO_BALLOT, decided: at, last: at };
  const waits: readonly Message[] = [
    { type: 'prepare', ballot, ...log },
    { type: 'promise', ballot, ...log, after: at, suffix: [], standing: 'voting' },
    { type: 'acceptSync', ballot, after: at, entries: [], decided: at },
    { type: 'accept', ballot, after: at, entries: [], decided: at },
    { type: 'accepted', ballot, last: at },
    { type: 'nack', ballot, promised: ballotOf(3) },
    { type: 'compacted', ballot, base: at },
  ];
  for (const message of waits) t.notOk(passesUnsynced(sending(message)), message.type);
  t.notOk(passesUnsynced(sending({ type: 'decide', ballot, decided: at }, a)), 'nothing to itself goes around it');
});

t.test('D4 a voter that is alone teaches what it decided only when its own disk holds it', async (t) => {
  t.notOk(passesUnsynced(sending({ type: 'learn', after: slot(0), entries: entries(ballot, 'x'), decided: at })));
});

t.test('what tells of now only, or of others’ disks, is held up by no disk', async (t) => {
  const passes: readonly Message[] = [
    { type: 'heartbeat', round: 1 },
    { type: 'heartbeatReply', round: 1, ballot, happy: true, standing: 'voting', decided: at },
    { type: 'confirm', ballot, round: 1 },
    { type: 'confirmed', ballot, round: 1 },
    { type: 'decide', ballot, decided: at },
    { type: 'fetch', after: at },
    { type: 'handover' },
  ];
  for (const message of passes) t.ok(passesUnsynced(sending(message)), message.type);
});
