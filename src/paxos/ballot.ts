/**
 * Ballots: who may propose, and in which order of precedence. PURE.
 *
 * A ballot belongs to one node for ever (the node is part of it) and is used by one proposer once (I6): a new one goes
 * past every ballot that this replica has promised, accepted or heard of.
 */

/** A node's name in the log. */
export type NodeId = string & { readonly __brand: 'NodeId' };
/** Ordered by round, then by node (code units). */
export type Ballot = { readonly round: number; readonly node: NodeId } & { readonly __brand: 'Ballot' };

export function nodeId(name: string): NodeId {
  return name as NodeId;
}

/** @throws RangeError when `round` is no natural number; a ballot that comes from outside is checked here. */
export function ballot(round: number, node: NodeId): Ballot {
  if (!Number.isSafeInteger(round) || round < 0) throw new RangeError(`a ballot's round cannot be ${String(round)}`);
  return { round, node } as Ballot;
}

/** Lower than every ballot that is ever used. */
export const NO_BALLOT: Ballot = ballot(0, nodeId(''));

/** Negative, 0 or positive, as `a` is lower than, equal to or higher than `b`. */
export function compareBallots(a: Ballot, b: Ballot): number {
  if (a.round !== b.round) return a.round - b.round;
  if (a.node === b.node) return 0;
  return a.node < b.node ? -1 : 1;
}

export function sameBallot(a: Ballot, b: Ballot): boolean {
  return compareBallots(a, b) === 0;
}

export function highestBallot(a: Ballot, b: Ballot): Ballot {
  return compareBallots(a, b) >= 0 ? a : b;
}

/** The lowest ballot of `node` that is above `past`, whoever `past` belongs to. */
export function nextBallot(past: Ballot, node: NodeId): Ballot {
  return ballot(past.round + 1, node);
}

export function showBallot(b: Ballot): string {
  return `${String(b.round)}.${b.node}`;
}
