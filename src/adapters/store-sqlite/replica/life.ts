/** How a store's life goes on with a start of the daemon. */
import type { StoreLife } from '../../../ports/replica-store.js';

/** So many starts with work in them does a store know of itself. */
const KEPT_STARTS = 64;

export function nextStart(life: StoreLife, nonce: string): StoreLife {
  const { id, starts, batches, startedAt } = life;
  // One in which nothing was written leaves nothing to tell, so a daemon that fails in a loop pushes nothing out.
  const past = batches > startedAt ? [{ start: starts, nonce: life.nonce, startedAt, batches }] : [];
  const earlier = [...life.earlier, ...past].slice(-KEPT_STARTS);
  return { id, starts: starts + 1, nonce, startedAt: batches, batches, earlier };
}
