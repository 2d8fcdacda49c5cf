/**
 * Who votes. PURE. A configuration never changes: the next one has the next id, and messages of another one are not
 * for us.
 */
import type { NodeId } from './ballot.js';

export interface Configuration {
  /** Counted from 1. */
  readonly id: number;
  /** Without repeats. */
  readonly voters: readonly NodeId[];
}

/** How many voters make a majority. */
export function quorumSize(configuration: Configuration): number {
  return Math.floor(configuration.voters.length / 2) + 1;
}

export function isVoter(configuration: Configuration, node: NodeId): boolean {
  return configuration.voters.includes(node);
}
