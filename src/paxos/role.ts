/** Who may lead, and how leading ends. PURE. */
import { compareBallots, highestBallot, NO_BALLOT, sameBallot, type Ballot } from './ballot.js';
import { isMember, isVoter } from './configuration.js';
import { lastSlot } from './contiguous-log.js';
import type { Presence, Standing } from './messages.js';
import type { Replica } from './state.js';
import { change, type Turn } from './turn.js';

export const FOLLOWER = { kind: 'follower' } as const;

/**
 * I13: a learner, a replica that abstains, one that lacks a checkpoint and one whose disk hangs do not even try. Who holds all
 * that others have put into theirs lacks none, though it has not heard that it is decided: they may be unable to send it.
 */
export function canLead({ configuration, self, abstains, behind, log, stalls }: Replica): boolean {
  const lacksNone = behind === null || lastSlot(log) >= behind;
  return isVoter(configuration, self) && abstains === null && lacksNone && !stalls;
}

export function standingOf({ abstains }: Replica): Standing {
  return abstains === null ? 'voting' : abstains.kind;
}

/** As elections need it: whose disk hangs connects nobody. A promise that got onto the disk counts all the same. */
export function presenceOf(state: Replica): Presence {
  const standing = standingOf(state);
  return standing === 'voting' && state.stalls ? 'stalled' : standing;
}

/**
 * The disk hangs: whoever leads or tries to lets another, and says so at the next heartbeat. It comes back by an election
 * like any other.
 */
export function diskStalls(turn: Turn, stalls: boolean): void {
  if (stalls === turn.state.stalls) return;
  change(turn, { stalls });
  const { role, election } = turn.state;
  if (!stalls || role.kind === 'follower') return;
  becomeFollower(turn);
  change(turn, { election: { ...election, leader: NO_BALLOT, happy: false } });
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
