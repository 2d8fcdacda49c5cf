/** Saying again what was not answered. PURE. */
import type { NodeId } from './ballot.js';
import { bounded } from './catch-up.js';
import { entriesAfter, lastSlot } from './contiguous-log.js';
import { membersOf, recordProgress, synchronise, UNHEARD } from './leader.js';
import { prepareMessage } from './phase-one.js';
import type { Leading } from './state.js';
import { send, type Turn } from './turn.js';

/** To each member what it has not answered; to one that lacks nothing, how far we have decided. */
export function resend(turn: Turn): void {
  const { role, self } = turn.state;
  if (role.kind === 'follower') return;
  for (const member of membersOf(turn.state)) {
    if (member === self) continue;
    if (role.kind === 'leading') resendTo(turn, role, member);
    else if (!role.promises.has(member)) send(turn, member, prepareMessage(turn, role.ballot));
  }
}

function resendTo(turn: Turn, leading: Leading, member: NodeId): void {
  const { log, decided, limits } = turn.state;
  const { ballot } = leading;
  const { promise, accepted } = leading.members.get(member) ?? UNHEARD;
  if (promise === null) send(turn, member, prepareMessage(turn, ballot));
  else if (accepted === null) synchronise(turn, member, promise);
  else if (accepted === lastSlot(log)) send(turn, member, { type: 'decide', ballot, decided });
  else if (accepted < log.base) send(turn, member, { type: 'compacted', ballot, base: log.base });
  else {
    const entries = bounded(entriesAfter(log, accepted), limits);
    send(turn, member, { type: 'accept', ballot, after: accepted, entries, decided });
  }
}

/** Once a round: who has not moved since the last one, though there is something to answer, is asked how far it is. */
export function remindMembers(turn: Turn): void {
  const { role, self } = turn.state;
  if (role.kind !== 'leading') return resend(turn);
  for (const [member, { promise, accepted, acceptedBefore }] of role.members) {
    if (member === self) continue;
    const { log, decided } = turn.state;
    const { ballot } = role;
    recordProgress(turn, member, { acceptedBefore: accepted });
    if (promise !== null && accepted === lastSlot(log)) send(turn, member, { type: 'decide', ballot, decided });
    else if (accepted === null || accepted === acceptedBefore) {
      recordProgress(turn, member, { promise: null });
      send(turn, member, prepareMessage(turn, ballot));
    }
  }
}
