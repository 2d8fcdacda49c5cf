/** A store that tells how far it has come. */
import type { ReplicaStore, StoreLife } from '../ports/replica-store.js';

/** Tells how far the store has come before what has waited for it is said: a promise bears it (wire-message.ts). */
export function livingStore(
  store: Pick<ReplicaStore, 'persist'>,
  user: { lived(life: StoreLife): void },
): typeof store {
  return {
    async persist(batch) {
      const life = await store.persist(batch);
      user.lived(life);
      return life;
    },
  };
}
