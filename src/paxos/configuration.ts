/**
 * Who votes. PURE. A configuration never changes: a chosen stop-sign ends it and begins the next one, whose id is one
 * higher. Messages of another configuration only make replicas catch up with each other.
 */
import type { NodeId } from './ballot.js';
import type { Slot } from './slot.js';

export interface Configuration {
  /** Counted from 1. */
  readonly id: number;
  /** Without repeats. */
  readonly voters: readonly NodeId[];
  /** Receive the log and never count; disjoint from the voters. */
  readonly learners: readonly NodeId[];
  /** The slot of the stop-sign that began it; 0 for the first. */
  readonly after: Slot;
}

/** How many voters make a majority. */
export function quorumSize(configuration: Configuration): number {
  return Math.floor(configuration.voters.length / 2) + 1;
}

export function isVoter(configuration: Configuration, node: NodeId): boolean {
  return configuration.voters.includes(node);
}

export function isMember(configuration: Configuration, node: NodeId): boolean {
  return isVoter(configuration, node) || configuration.learners.includes(node);
}
