/** Time, as an adapter gives it. Types only. */
export interface Clock {
  /** ms since the epoch, an integer; may step in either direction. */
  now(): number;
  /** ms from an arbitrary start, with fractions; never steps back. */
  monotonic(): number;
}
