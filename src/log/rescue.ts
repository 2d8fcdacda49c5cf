/** A peer's checkpoint in place of what this node's own store cannot give any more: one member after the other is asked. */
import type { CheckpointFetch } from './checkpoint-fetch.js';
import type { CoreLives } from './core-lives.js';

/** A node that works is in no hurry: its peers make a checkpoint for each that asks. */
const ARCHIVE_TICKS = 40;

export class Rescue {
  readonly #core: CoreLives;
  readonly #fetch: CheckpointFetch;
  #asked = 0;

  constructor(core: CoreLives, fetch: CheckpointFetch) {
    this.#core = core;
    this.#fetch = fetch;
  }

  tick(now: number): void {
    const { hasLoop, archiveDamaged } = this.#core;
    if (hasLoop && !(archiveDamaged && now % ARCHIVE_TICKS === 0)) return;
    const peers = this.#core.peers;
    const peer = peers[this.#asked % Math.max(1, peers.length)];
    // Without peers: a log without its checkpoint cannot go on, one whose archive is damaged serves what it can.
    if (peer === undefined) return hasLoop ? undefined : this.#core.giveUp();
    if (this.#fetch.isFetching) return;
    this.#asked += 1;
    this.#fetch.begin(peer);
  }
}
