/** Waiting, as an adapter gives it. Types only. */
export interface Timers {
  /** Runs `action` once, not before `delayMs`; what comes back cancels it. A pending timer keeps no process alive. */
  after(delayMs: number, action: () => void): () => void;
}
