/**
 * What holds around every step of a replica. PURE. A violation stops the node: the state that broke the law is never
 * persisted and nothing of the step leaves. Each costs what changed, never the length of the log.
 *
 * I8 and I11 are asserted in acceptor.ts, where entries come in; I12 in learner.ts; I14 in reads.ts.
 */
import { assertInvariant } from '../errors.js';
import { compareBallots, sameBallot, showBallot } from './ballot.js';
import { lastSlot } from './contiguous-log.js';
import { canLead } from './role.js';
import type { Replica } from './state.js';
import type { Turn } from './turn.js';

/** What holds in every state. */
export function assertState(state: Replica): void {
  const { promised, accepted, decided, log, role, configuration, abstains } = state;
  assertInvariant(compareBallots(accepted, promised) <= 0, 'I2', `accepted ${showBallot(accepted)} above promised`);
  assertInvariant(decided <= lastSlot(log), 'I3', `slot ${String(decided)} is decided and not in the log`);
  assertInvariant(log.base <= decided, 'I5', `the log starts after slot ${String(log.base)}, which is not decided`);
  if (role.kind === 'follower') return;
  assertInvariant(canLead(state), 'I13', `proposes, though it is no voter, its vote does not count or its disk hangs`);
  const begun = abstains !== null || decided >= configuration.after;
  assertInvariant(begun, 'I15', `slot ${String(configuration.after)}, which begins our configuration, is not decided`);
  if (role.kind !== 'leading') return;
  const own = sameBallot(role.ballot, promised) && sameBallot(role.ballot, accepted);
  assertInvariant(own, 'I7', `leads with ${showBallot(role.ballot)}, promised ${showBallot(promised)}`);
  assertInvariant(role.inFlightBytes >= 0, 'I16', 'less than nothing is under way');
}

/** What holds between a state and the next. */
export function assertTransition(before: Replica, { state: after, replacedFrom }: Turn): void {
  assertState(after);
  assertInvariant(compareBallots(after.promised, before.promised) >= 0, 'I1', 'the promised ballot fell');
  assertInvariant(after.decided >= before.decided, 'I4', 'the decided slot fell');
  const kept = replacedFrom === null || replacedFrom > before.decided;
  assertInvariant(kept, 'I4', `slot ${String(replacedFrom)} is decided and was written again`);
  const { configuration } = after;
  const entered = configuration === before.configuration || configuration.id > before.configuration.id;
  assertInvariant(entered, 'I10', `configuration ${String(configuration.id)} does not follow the one before`);
  if (after.role.kind === 'follower') return;
  const begun = before.role.kind === 'follower' || !sameBallot(before.role.ballot, after.role.ballot);
  if (!begun) return;
  const fresh =
    compareBallots(after.role.ballot, before.promised) > 0 && compareBallots(after.role.ballot, before.seen) > 0;
  assertInvariant(fresh, 'I6', `ballot ${showBallot(after.role.ballot)} is not above everything heard of`);
}
