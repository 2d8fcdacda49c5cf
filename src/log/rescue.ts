/** A peer's checkpoint in place of what this node's own store cannot give any more: one member after the other is asked. */
import type { CheckpointFetch } from './checkpoint-fetch.js';
import type { CoreLives } from './core-lives.js';

/** Between two tries of a node that cannot work without. */
const AGAIN_TICKS = 10;
/** A node that works is in no hurry: its peers make a checkpoint for each that asks. */
const ARCHIVE_TICKS = 40;
/** What its disk had no room for has interrupted it for nothing: each time it waits twice as long, so many times. */
const DOUBLINGS_MAX = 3;

type Endangered = Pick<CoreLives, 'hasLoop' | 'archiveDamaged' | 'refusedRescues' | 'peers' | 'giveUp'>;
type Fetch = Pick<CheckpointFetch, 'isFetching' | 'begin'>;

export class Rescue {
  readonly #core: Endangered;
  readonly #fetch: Fetch;
  #asked = 0;
  /** When one was last under way; null: not since it was last whole. */
  #fetchedAt: number | null = null;

  constructor(core: Endangered, fetch: Fetch) {
    this.#core = core;
    this.#fetch = fetch;
  }

  tick(now: number): void {
    const { hasLoop, archiveDamaged, refusedRescues, peers } = this.#core;
    if (hasLoop && !archiveDamaged) {
      this.#fetchedAt = null;
      return;
    }
    const peer = peers[this.#asked % Math.max(1, peers.length)];
    // Without peers: a log without its checkpoint cannot go on, one whose archive is damaged serves what it can.
    if (peer === undefined) return hasLoop ? undefined : this.#core.giveUp();
    const pause = hasLoop ? ARCHIVE_TICKS << Math.min(refusedRescues, DOUBLINGS_MAX) : AGAIN_TICKS;
    if (this.#fetch.isFetching) this.#fetchedAt = now;
    if (this.#fetchedAt !== null && now - this.#fetchedAt < pause) return;
    this.#asked += 1;
    this.#fetch.begin(peer);
  }
}
