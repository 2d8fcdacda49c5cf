/**
 * Serves this store's checkpoint to peers that lag, chunk by chunk as they ask. One reader of the store for each asker;
 * the newest chunk is kept, so that one that was lost on the way can be asked for again.
 */
import { createHash } from 'node:crypto';
import type { CheckpointReader, ReplicaStore } from '../ports/replica-store.js';
import type { WireMessage } from './wire-message.js';

/** At most this many peers are served at once; a fourth waits its turn. */
const SERVED_MAX = 3;
/** A transfer that asks for nothing for so many ticks is over. */
const IDLE_TICKS = 100;

interface Served {
  readonly transfer: number;
  reader: CheckpointReader | null;
  /** The newest chunk: its index and the message. */
  sent: { readonly index: number; readonly message: WireMessage } | null;
  /** Read ahead by one, so that the last chunk is known for what it is. */
  ahead: Uint8Array | null;
  busy: boolean;
  idleTicks: number;
}

export class CheckpointSource {
  readonly #store: Pick<ReplicaStore, 'readCheckpoint'>;
  readonly #send: (to: string, message: WireMessage) => void;
  /** A checkpoint of now: who lost everything can use it, and it stands in the configuration that it is sent with. */
  readonly #prepare: () => Promise<void>;
  readonly #served = new Map<string, Served>();

  constructor(
    store: Pick<ReplicaStore, 'readCheckpoint'>,
    send: (to: string, message: WireMessage) => void,
    prepare: () => Promise<void>,
  ) {
    this.#prepare = prepare;
    this.#store = store;
    this.#send = send;
  }

  async pulled(from: string, transfer: number, index: number): Promise<void> {
    const served = this.#served.get(from) ?? null;
    if (served?.transfer !== transfer) {
      if (index !== 0) this.#send(from, { type: 'gone', transfer });
      else if (served !== null || this.#served.size < SERVED_MAX) await this.#begin(from, transfer);
      return;
    }
    served.idleTicks = 0;
    if (served.sent?.index === index) this.#send(from, served.sent.message);
    else if (!served.busy && index === (served.sent?.index ?? -1) + 1) await this.#next(from, served, index);
  }

  tick(): void {
    for (const [from, served] of this.#served) {
      served.idleTicks += 1;
      if (served.idleTicks > IDLE_TICKS && !served.busy) void this.#end(from);
    }
  }

  async close(): Promise<void> {
    for (const from of [...this.#served.keys()]) await this.#end(from);
  }

  async #begin(from: string, transfer: number): Promise<void> {
    await this.#end(from);
    const served: Served = { transfer, reader: null, sent: null, ahead: null, busy: true, idleTicks: 0 };
    this.#served.set(from, served);
    try {
      await this.#prepare();
      served.reader = await this.#store.readCheckpoint();
      served.ahead = (await served.reader?.next()) ?? null;
    } catch {
      // A damaged checkpoint of ours is the scrub's business; the asker turns to somebody else.
      served.reader = null;
    }
    served.busy = false;
    if (this.#served.get(from) !== served) {
      await letGo(served);
      return;
    }
    if (served.reader === null || served.ahead === null) {
      await this.#end(from);
      this.#send(from, { type: 'gone', transfer });
      return;
    }
    await this.#next(from, served, 0);
  }

  async #next(from: string, served: Served, index: number): Promise<void> {
    const { reader, ahead, transfer } = served;
    if (reader === null || ahead === null) return;
    served.busy = true;
    try {
      served.ahead = await reader.next();
    } catch {
      await this.#end(from);
      this.#send(from, { type: 'gone', transfer });
      return;
    } finally {
      served.busy = false;
    }
    if (this.#served.get(from) !== served) return;
    const sha256 = createHash('sha256').update(ahead).digest();
    const last = served.ahead === null;
    const message: WireMessage = { type: 'chunk', transfer, index, slot: reader.slot, sha256, bytes: ahead, last };
    served.sent = { index, message };
    this.#send(from, message);
  }

  async #end(from: string): Promise<void> {
    const served = this.#served.get(from);
    if (served === undefined) return;
    this.#served.delete(from);
    await letGo(served);
  }
}

/** Nobody reads with it any more: a store that cannot close a reader says what ails it where it is used. */
async function letGo({ reader }: Served): Promise<void> {
  await reader?.close().catch(() => undefined);
}
