/**
 * Fetches a peer's checkpoint when what this replica lacks is gone from everybody's log: chunk by chunk, each with its
 * hash, into the store's installer. A chunk that is lost is asked for again; a peer that falls silent is replaced by
 * another, from the beginning. The store judges the whole before it takes it over (P7).
 */
import { createHash } from 'node:crypto';
import type { CheckedCheckpoint, CheckpointInstaller, ReplicaStore } from '../ports/replica-store.js';
import type { WireMessage } from './wire-message.js';

/** Ask again after so many ticks without the chunk; give a peer up after so many without any. */
const AGAIN_TICKS = 5;
const GIVE_UP_TICKS = 40;

interface Fetching {
  readonly from: string;
  readonly transfer: number;
  installer: CheckpointInstaller | null;
  wanted: number;
  ticks: number;
  /** A chunk is being written. */
  busy: boolean;
}

export interface FetchUser {
  send(to: string, message: WireMessage): void;
  /** All chunks came, and they are what was sent: make it ours. */
  install(checked: CheckedCheckpoint): Promise<void>;
  /** What stopped a transfer, for the log. */
  failed(from: string, error: unknown): void;
}

export class CheckpointFetch {
  readonly #store: Pick<ReplicaStore, 'install'>;
  readonly #user: FetchUser;
  #fetching: Fetching | null = null;
  /** Goes on from the numbers of this node's earlier processes: to the peer each is another transfer. */
  #transfers: number;

  constructor(store: Pick<ReplicaStore, 'install'>, user: FetchUser, firstNumber: number) {
    this.#transfers = firstNumber;
    this.#store = store;
    this.#user = user;
  }

  get isFetching(): boolean {
    return this.#fetching !== null;
  }

  begin(from: string): void {
    if (this.#fetching !== null) return;
    this.#transfers += 1;
    this.#fetching = { from, transfer: this.#transfers, installer: null, wanted: 0, ticks: 0, busy: false };
    this.#ask(this.#fetching);
  }

  tick(): void {
    const fetching = this.#fetching;
    if (fetching === null || fetching.busy) return;
    fetching.ticks += 1;
    if (fetching.ticks > GIVE_UP_TICKS) void this.#drop(fetching);
    else if (fetching.ticks % AGAIN_TICKS === 0) this.#ask(fetching);
  }

  gone(from: string, transfer: number): void {
    const fetching = this.#fetching;
    if (fetching?.from === from && fetching.transfer === transfer && !fetching.busy) void this.#drop(fetching);
  }

  async chunk(from: string, message: Extract<WireMessage, { readonly type: 'chunk' }>): Promise<void> {
    const fetching = this.#fetching;
    const { transfer, index, bytes, sha256, last } = message;
    if (fetching?.from !== from || fetching.transfer !== transfer || fetching.wanted !== index || fetching.busy) return;
    if (!createHash('sha256').update(bytes).digest().equals(sha256)) return;
    fetching.busy = true;
    try {
      fetching.installer ??= await this.#store.install();
      await fetching.installer.write(bytes);
      if (last) await this.#user.install(await fetching.installer.check());
    } catch (error) {
      this.#user.failed(from, error);
      await this.#drop(fetching);
      return;
    } finally {
      fetching.busy = false;
    }
    if (last) {
      this.#fetching = null;
      return;
    }
    fetching.wanted += 1;
    fetching.ticks = 0;
    this.#ask(fetching);
  }

  async close(): Promise<void> {
    if (this.#fetching !== null) await this.#drop(this.#fetching);
  }

  #ask({ from, transfer, wanted }: Fetching): void {
    this.#user.send(from, { type: 'pull', transfer, index: wanted });
  }

  async #drop(fetching: Fetching): Promise<void> {
    if (this.#fetching === fetching) this.#fetching = null;
    try {
      await fetching.installer?.abort();
    } catch (error) {
      this.#user.failed(fetching.from, error);
    }
  }
}
