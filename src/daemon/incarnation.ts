/**
 * The incarnation of a log that goes on after a loss (T17). PURE. It is above every one that was seen, so that what the
 * lost history left is older; and it is not below the time, so that two members that each go on by themselves do not
 * both arrive at the same number and take each other for one log.
 */
export function nextIncarnation(seen: readonly number[], nowMs: number): number {
  // A stamp is text on a disk: what is no number there, or has none after it, says nothing.
  const known = seen.filter((one) => Number.isSafeInteger(one + 1));
  return Math.max(1 + Math.max(0, ...known), Math.floor(nowMs / 1000));
}
