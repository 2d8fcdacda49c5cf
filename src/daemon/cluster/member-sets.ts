/** Sets of members, as changes of the membership make them (ports/cluster-log.ts). PURE. */
import { SnapcommitError } from '../../errors.js';
import type { Configuration } from '../../paxos/configuration.js';
import type { MemberSet } from '../../ports/cluster-log.js';

export function isMemberOf({ voters, learners }: Configuration, node: string): boolean {
  return [...voters, ...learners].some((one) => one === node);
}

function isVoterIn({ voters }: Configuration, node: string): boolean {
  return voters.some((one) => one === node);
}

/** @throws IN_USE when nobody would be left to vote. */
export function without({ voters, learners }: Configuration, node: string): MemberSet {
  const left = voters.filter((one) => one !== node);
  if (left.length === 0) throw onlyVoter(node);
  return { voters: left, learners: learners.filter((one) => one !== node) };
}

/** @throws NODE_NOT_FOUND when it is no member (any more). */
export function withVoter(now: Configuration, node: string): MemberSet {
  if (!isMemberOf(now, node)) throw unknownMember(node);
  const { voters, learners } = now;
  if (isVoterIn(now, node)) return now;
  return { voters: [...voters, node], learners: learners.filter((one) => one !== node) };
}

/**
 * `next` votes, and `old` is gone: as one change, so that there is never one voter more or less. Once that stands, it is
 * answered as done. @throws NODE_NOT_FOUND where `old` was gone before, and has left no place to take; EXPECTATION_FAILED
 * where it is a learner.
 */
export function withReplacement(now: Configuration, old: string, next: string): MemberSet {
  assertNoLearner(now, old, next);
  const { voters, learners } = withVoter(now, next);
  if (!isMemberOf(now, old) && !isVoterIn(now, next)) throw noPlaceOf(old, next);
  return { voters: voters.filter((one) => one !== old), learners };
}

/** A learner has no vote to hand on: `next` would be one voter more. @throws EXPECTATION_FAILED */
export function assertNoLearner({ learners }: Configuration, old: string, next: string): void {
  if (learners.some((one) => one === old)) throw noVoteOf(old, next);
}

function onlyVoter(node: string): SnapcommitError {
  return new SnapcommitError('IN_USE', `${node} is the only voter; add another one first.`, { node });
}

function noPlaceOf(old: string, next: string): SnapcommitError {
  return new SnapcommitError(
    'NODE_NOT_FOUND',
    `${old} is no member any more, so ${next} cannot take its place; ${next} votes no more than before. To let it vote as one more, run \`snapcommit cluster add ${next}\`.`,
    { node: old },
  );
}

function noVoteOf(old: string, next: string): SnapcommitError {
  return new SnapcommitError(
    'EXPECTATION_FAILED',
    `${old} is a learner, so it has no vote that ${next} could take over; nothing was changed. To take ${old} out of the cluster, run \`snapcommit cluster remove ${old}\`; to let ${next} vote as one more, run \`snapcommit cluster add ${next}\`.`,
    { node: old },
  );
}

export function unknownMember(node: string): SnapcommitError {
  return new SnapcommitError(
    'NODE_NOT_FOUND',
    `there is no member ${node}; \`snapcommit cluster members\` shows them, and \`snapcommit cluster join\` makes one.`,
    { node },
  );
}
