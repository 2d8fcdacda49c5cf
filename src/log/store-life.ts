/**
 * Whether the store that a peer comes with is the one that we know, further on (D8, D9). PURE.
 *
 * A replica that lost what it promised or accepted must not vote with what is left: it may only come back as a learner.
 */
import type { StoreLife } from '../ports/replica-store.js';

export type LifeVerdict = 'known' | 'new' | 'wiped' | 'rolledBack' | 'cloned';

/** `remembered` is the newest that we have seen of this node; undefined when we never met it. */
export function judgeLife(remembered: StoreLife | undefined, claimed: StoreLife): LifeVerdict {
  if (remembered === undefined) return 'new';
  if (claimed.id !== remembered.id) return 'wiped';
  if (claimed.starts < remembered.starts) return 'rolledBack';
  if (claimed.starts === remembered.starts) return claimed.nonce === remembered.nonce ? 'known' : 'cloned';
  return claimed.startedAt < remembered.batches ? 'rolledBack' : 'known';
}

/** The one to remember of two lives of the same store, of which messages may tell in any order. */
export function newerLife(a: StoreLife, b: StoreLife): StoreLife {
  if (a.starts !== b.starts) return a.starts > b.starts ? a : b;
  return a.batches >= b.batches ? a : b;
}
