/** Records of generations that this node's store holds and cannot read: a peer's checkpoint brings them again. */
import { isLive } from '../machine/queries.js';
import type { CheckedCheckpoint, ReplicaStore, ScrubReport } from '../ports/replica-store.js';
import { isCorrupt } from './replica-errors.js';
import { readState } from './replica-start.js';

type UnreadableRecord = ScrubReport['archive'][number];

export class UnreadableRecords {
  readonly #store: Pick<ReplicaStore, 'archived' | 'file'>;
  #records: readonly UnreadableRecord[] = [];

  constructor(store: Pick<ReplicaStore, 'archived' | 'file'>) {
    this.#store = store;
  }

  get hasAny(): boolean {
    return this.#records.length > 0;
  }

  /** As a scrub has found them. */
  found(records: readonly UnreadableRecord[]): void {
    this.#records = records;
  }

  /** Whether this checkpoint has one of them; one that cannot be decoded has none. */
  someIn({ state, slot }: CheckedCheckpoint): boolean {
    try {
      const then = readState(state, slot, this.#store.file);
      return this.#records.some(({ group, generation }) => isLive(then, group, generation));
    } catch (error) {
      if (isCorrupt(error)) return false;
      throw error;
    }
  }

  /** They may have been mended since, or their generations retired. */
  async readAgain(): Promise<void> {
    const unreadable: UnreadableRecord[] = [];
    for (const record of this.#records) if (!(await this.#isReadable(record))) unreadable.push(record);
    this.#records = unreadable;
  }

  async #isReadable({ group, generation }: UnreadableRecord): Promise<boolean> {
    try {
      await this.#store.archived(group, generation);
      return true;
    } catch (error) {
      if (isCorrupt(error)) return false;
      throw error;
    }
  }
}
