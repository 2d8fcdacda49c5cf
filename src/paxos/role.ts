/** Who may lead, and how leading ends. PURE. */
import { compareBallots, highestBallot, sameBallot, type Ballot } from './ballot.js';
import { isMember, isVoter } from './configuration.js';
import type { Standing } from './messages.js';
import type { Replica } from './state.js';
import { change, type Turn } from './turn.js';

export const FOLLOWER = { kind: 'follower' } as const;

/** I13: a learner, a replica that abstains and one that lacks a checkpoint do not even try. */
export function canLead({ configuration, self, abstains, behind }: Replica): boolean {
  return isVoter(configuration, self) && abstains === null && behind === null;
}

export function standingOf({ abstains }: Replica): Standing {
  return abstains === null ? 'voting' : abstains.kind;
}

/** Nobody else is there to hear of what we do: everything happens within one step. */
export function isAlone({ configuration, self }: Replica): boolean {
  return configuration.learners.length === 0 && configuration.voters.length === 1 && isMember(configuration, self);
}

/** Ends our own proposing when `ballot` is not the one that we propose under. */
export function stepDown(turn: Turn, ballot: Ballot): void {
  const { role, seen } = turn.state;
  if (compareBallots(ballot, seen) > 0) change(turn, { seen: highestBallot(seen, ballot) });
  if (role.kind !== 'follower' && !sameBallot(role.ballot, ballot)) becomeFollower(turn);
}

/** Whoever waits for us is told. What stands in the log may still be chosen: nobody hears anything of that. */
export function becomeFollower(turn: Turn): void {
  const { role } = turn.state;
  if (role.kind === 'follower') return;
  change(turn, { role: FOLLOWER });
  if (role.kind === 'preparing') {
    if (role.pending.length > 0) turn.after.push({ kind: 'rejected', entries: role.pending, reason: 'notLeading' });
    return;
  }
  const ids = [...role.reads.asked, ...role.reads.waiting];
  if (ids.length > 0) turn.after.push({ kind: 'readRefused', ids, reason: 'notLeading' });
  const { stopping } = role;
  if (stopping !== null) turn.after.push({ kind: 'reconfigureRefused', id: stopping.id, reason: 'notLeading' });
}
