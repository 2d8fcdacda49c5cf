/**
 * The incarnation of a log that goes on after a loss (T17). PURE. It is above every one that was seen, so that what the
 * lost history left is older; it is not below the time, to the millisecond; and it bears the node, so that two members
 * that each go on by themselves in one moment do not arrive at one number and take each other for one log.
 */
import { createHash } from 'node:crypto';

/** What the lower bits tell of the node: with them the number stays exact (2^53) until the year 2248. */
const NODES = 1024;

/** @param nowMs ms since the epoch */
export function nextIncarnation(seen: readonly number[], nowMs: number, node: string): number {
  // A stamp is text on a disk: what is no number there, or has none after it, says nothing.
  const known = seen.filter((one) => one >= 0 && Number.isSafeInteger(one + 2 * NODES));
  const moment = Math.max(Math.floor(Math.max(0, ...known) / NODES) + 1, Math.floor(nowMs));
  const bits = createHash('sha256').update(node).digest().readUInt16BE(0) % NODES;
  return moment * NODES + bits;
}
