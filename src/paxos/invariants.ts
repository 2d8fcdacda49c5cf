/**
 * What holds around every step of a replica. PURE. A violation stops the node: the state that broke the law is never
 * persisted and nothing of the step leaves.
 */
import { assertInvariant } from '../errors.js';
import { compareBallots, sameBallot, showBallot } from './ballot.js';
import { entryAt, lastSlot, slot } from './contiguous-log.js';
import type { Replica } from './state.js';

/** What holds in every state. */
export function assertState(state: Replica): void {
  const { promised, accepted, decided, log, role } = state;
  assertInvariant(compareBallots(accepted, promised) <= 0, 'I2', `accepted ${showBallot(accepted)} above promised`);
  assertInvariant(decided <= lastSlot(log), 'I3', `slot ${String(decided)} is decided and not in the log`);
  assertInvariant(log.base <= decided, 'I5', `the log starts after slot ${String(log.base)}, which is not decided`);
  if (role.kind === 'leading') {
    const own = sameBallot(role.ballot, promised) && sameBallot(role.ballot, accepted);
    assertInvariant(own, 'I7', `leads with ${showBallot(role.ballot)}, promised ${showBallot(promised)}`);
  }
}

/** What holds between a state and the next. */
export function assertTransition(before: Replica, after: Replica): void {
  assertState(after);
  assertInvariant(compareBallots(after.promised, before.promised) >= 0, 'I1', 'the promised ballot fell');
  assertInvariant(after.decided >= before.decided, 'I4', 'the decided slot fell');
  for (let at = Math.max(before.log.base, after.log.base) + 1; at <= before.decided; at += 1) {
    const unchanged = entryAt(before.log, slot(at)) === entryAt(after.log, slot(at));
    assertInvariant(unchanged, 'I4', `slot ${String(at)} is decided and changed`);
  }
  if (after.role.kind === 'follower') return;
  const begun = before.role.kind === 'follower' || !sameBallot(before.role.ballot, after.role.ballot);
  if (!begun) return;
  const fresh =
    compareBallots(after.role.ballot, before.promised) > 0 && compareBallots(after.role.ballot, before.seen) > 0;
  assertInvariant(fresh, 'I6', `ballot ${showBallot(after.role.ballot)} is not above everything heard of`);
}
