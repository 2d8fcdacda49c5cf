/**
 * Whether the store that a peer comes with is the one that we know, further on (D8, D9). PURE.
 *
 * A replica that lost what it promised or accepted must not vote with what is left: it may only come back as a learner.
 */
import type { StoreLife, StoreSeen } from '../ports/replica-store.js';

export type LifeVerdict = 'known' | 'new' | 'wiped' | 'rolledBack' | 'cloned';

/** `seen` is the furthest that we have seen of this node's store; undefined when we never met it. */
export function judgeLife(seen: StoreSeen | undefined, claimed: StoreLife): LifeVerdict {
  if (seen === undefined) return 'new';
  if (claimed.id !== seen.id) return 'wiped';
  if (claimed.starts < seen.starts) return 'rolledBack';
  if (claimed.starts === seen.starts) return claimed.nonce === seen.nonce ? 'known' : 'cloned';
  const past = claimed.earlier.find(({ start }) => start >= seen.starts);
  if (past?.start !== seen.starts) {
    // Nothing was written in the start that we saw, says this store: then it had all that we saw when the next one began.
    const had = past?.startedAt ?? claimed.startedAt;
    return seen.batches <= had ? 'known' : 'rolledBack';
  }
  if (past.nonce !== seen.nonce) return 'cloned';
  return seen.batches <= past.batches ? 'known' : 'rolledBack';
}

/** The further of two sights of the same store, of which messages may tell in any order. */
export function furtherSeen(a: StoreSeen, b: StoreSeen): StoreSeen {
  if (a.starts !== b.starts) return a.starts > b.starts ? a : b;
  return a.batches >= b.batches ? a : b;
}
