/** What an append carries so that repeating it is safe. Types only. */
import type { Slot } from '../../machine/entry.js';

/** A retry has the same client and sequence; the log then answers with what became of the first. */
export interface AppendKey {
  /** A UUID, one a process. */
  readonly client: string;
  /** That client's own count. */
  readonly sequence: number;
  /** A slot that was applied before the first attempt: one that arrives ages after it is refused. */
  readonly since: Slot;
}
