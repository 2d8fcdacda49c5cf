/**
 * What hosts say to each other. Types only. The core's messages travel in `core`; the rest serves the hosts. Every message
 * may be lost, repeated or late.
 */
import type { Ballot, NodeId } from '../paxos/ballot.js';
import type { Slot } from '../paxos/contiguous-log.js';
import type { ReconfigurationRefusal } from '../paxos/effects.js';
import type { Message } from '../paxos/messages.js';
import type { StoreLife, StoreSighting } from '../ports/replica-store.js';
import type { LifeVerdict } from './store-life.js';

/** In which start of its store a replica says something, and how many batches were durable when it did. */
export interface StoreWord {
  readonly nonce: string;
  readonly batches: number;
}

export type WireMessage =
  /** `configuration` is the sender's; `word` stands with what it vouches for, a promise or an acceptance. */
  | {
      readonly type: 'core';
      readonly configuration: number;
      readonly message: Message;
      readonly word: StoreWord | null;
    }
  /** Who I am, as a store, and in which configuration. `answer`: tell me your verdict; I have just started. */
  | {
      readonly type: 'greeting';
      readonly life: StoreLife;
      readonly configuration: number;
      readonly forgetfulThrough: number;
      readonly answer: boolean;
    }
  /**
   * What we make of the life whose start has this nonce. 'known', 'new': in our configuration; otherwise nothing that it
   * says counts up to this one.
   */
  | { readonly type: 'verdict'; readonly nonce: string; readonly verdict: LifeVerdict; readonly configuration: number }
  /** The newest lives that I have seen of others. */
  | { readonly type: 'lives'; readonly lives: Readonly<Record<string, StoreSighting>> }
  /**
   * Entries for whoever leads with exactly this ballot. `number` rises with each forward of a process: whoever gets
   * it looks at a number once and only upwards, so what it refuses it never proposes.
   */
  | {
      readonly type: 'forward';
      readonly ballot: Ballot;
      readonly number: number;
      readonly entries: readonly Uint8Array[];
    }
  /** Of that forward, the entries with these indices were not proposed and never will be. */
  | {
      readonly type: 'refused';
      readonly ballot: Ballot;
      readonly number: number;
      readonly indices: readonly number[];
      readonly reason: string;
    }
  | { readonly type: 'readIndex'; readonly id: number }
  /** A state with this slot applied answers the read; null: ask another. */
  | { readonly type: 'readAt'; readonly id: number; readonly slot: Slot | null }
  /** The checkpoint's chunk `index`; `transfer` is the asker's number for the whole of it. */
  | { readonly type: 'pull'; readonly transfer: number; readonly index: number }
  | {
      readonly type: 'chunk';
      readonly transfer: number;
      readonly index: number;
      readonly slot: Slot;
      readonly sha256: Uint8Array;
      readonly bytes: Uint8Array;
      readonly last: boolean;
    }
  /** That transfer is not known here (any more): begin anew. */
  | { readonly type: 'gone'; readonly transfer: number }
  | {
      readonly type: 'reconfigure';
      /** A leader takes each of a process's once and only upwards. */
      readonly id: number;
      /** The id of the configuration that the change was worked out from. */
      readonly base: number;
      readonly voters: readonly NodeId[];
      readonly learners: readonly NodeId[];
    }
  | { readonly type: 'reconfigureRefused'; readonly id: number; readonly reason: ReconfigurationRefusal }
  /** Lead no more. */
  | { readonly type: 'transfer' };
