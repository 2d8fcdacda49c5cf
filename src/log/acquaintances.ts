/**
 * What this node knows of its peers' stores, and what they make of ours (D8, D9). No I/O.
 *
 * A store that was wiped, cloned or set back does not know what its replica promised. Its peers do remember how far it
 * had come: a replica that has just started asks them before it votes, and goes on when, with itself, a majority knows it.
 * One that is told otherwise only learns, until a configuration begins in which it has never voted.
 */
import { isVoter, quorumSize, type Configuration } from '../paxos/configuration.js';
import type { NodeId } from '../paxos/ballot.js';
import type { StoreLife, StoreSighting } from '../ports/replica-store.js';
import { furtherSeen, judgeLife, type LifeVerdict } from './store-life.js';
import type { StoreWord } from './wire-message.js';

/** What a peer says of itself. */
export interface Introduced {
  readonly life: StoreLife;
  /** The one that it is in. */
  readonly configuration: number;
  /** It knows that it forgot, or learns only: it votes in no configuration up to this one. */
  readonly forgetfulThrough: number;
}

/** What we make of it: good in our configuration, or nothing that it says counts up to `configuration`. */
export interface Judgement {
  readonly verdict: LifeVerdict;
  readonly configuration: number;
}

export class Acquaintances {
  readonly #self: NodeId;
  readonly #remembered: Map<string, StoreSighting>;
  #changed = new Map<string, StoreSighting>();
  /** Who has told this start that it is the store that it knew, and in which configuration it last said so. */
  readonly #vouchers = new Map<string, number>();
  /** Whose store we took in the place of another one, and up to which configuration it counts for nothing. */
  readonly #replaced = new Map<string, number>();

  constructor(self: NodeId, remembered: Readonly<Record<string, StoreSighting>>) {
    this.#self = self;
    this.#remembered = new Map(Object.entries(remembered));
  }

  /**
   * What we make of a peer's store. One that we do not know takes the place of the one that we do when it votes in no
   * configuration up to ours, nor up to the newest in which we know the other to have been: there that one may have voted,
   * also where we ourselves have not come yet (D9).
   */
  meet(peer: string, { life, configuration, forgetfulThrough }: Introduced, ours: number): Judgement {
    const known = this.#remembered.get(peer);
    const verdict = judgeLife(known, life);
    if (verdict === 'known' || verdict === 'new') {
      this.#remember(peer, { ...life, configuration });
      return { verdict, configuration: ours };
    }
    const through = Math.max(ours, known?.configuration ?? 0);
    if (forgetfulThrough < through) return { verdict, configuration: through };
    this.#replaced.set(peer, through);
    this.#replace(peer, { ...life, configuration: Math.max(configuration, forgetfulThrough) });
    return { verdict: 'known', configuration: ours };
  }

  /**
   * Whether a promise or an acceptance is the word of the store that we know; if so, that store had come so far. The word
   * of another start is not heard: it may be of a store that was set back since, or of one that nobody has judged yet.
   */
  takesWordOf(peer: string, { nonce, batches }: StoreWord, configuration: number): boolean {
    const known = this.#remembered.get(peer);
    if (known?.nonce !== nonce) return false;
    this.#remember(peer, { ...known, batches, configuration });
    return true;
  }

  /**
   * What another peer has seen of `peer`: only ever raises what we know of the same store. Of a clone that was further on than
   * the one that we took in its place others may go on telling: it has voted in no configuration in which that one counts, and
   * heard again it would keep that one from ever being taught.
   */
  hear(peer: string, seen: StoreSighting): void {
    const known = this.#remembered.get(peer);
    if (seen.configuration <= (this.#replaced.get(peer) ?? 0)) return;
    if (peer !== this.#self && (known === undefined || known.id === seen.id)) this.#remember(peer, seen);
  }

  vouch(peer: string, configuration: number): void {
    this.#vouchers.set(peer, Math.max(configuration, this.#vouchers.get(peer) ?? 0));
  }

  /**
   * Whether we vote, and a majority (`waits`: every voter), with ourselves, knows this store. Who vouched in an earlier
   * configuration may have known nothing of how we voted in this one.
   */
  isVouchedFor(configuration: Configuration, waits: boolean): boolean {
    if (!isVoter(configuration, this.#self)) return false;
    const { voters, id } = configuration;
    const known = voters.filter((voter) => voter === this.#self || (this.#vouchers.get(voter) ?? 0) >= id);
    return known.length >= (waits ? voters.length : quorumSize(configuration));
  }

  all(): Readonly<Record<string, StoreSighting>> {
    return Object.fromEntries(this.#remembered);
  }

  /** What is to be remembered durably, since the last call. */
  takeChanged(): Readonly<Record<string, StoreSighting>> | undefined {
    if (this.#changed.size === 0) return undefined;
    const changed = Object.fromEntries(this.#changed);
    this.#changed = new Map();
    return changed;
  }

  #remember(peer: string, seen: StoreSighting): void {
    const known = this.#remembered.get(peer);
    if (known === undefined) return this.#replace(peer, seen);
    const { nonce, batches, starts } = furtherSeen(known, seen);
    const configuration = Math.max(known.configuration, seen.configuration);
    if (nonce !== known.nonce || batches !== known.batches || configuration !== known.configuration)
      this.#replace(peer, { id: known.id, starts, nonce, batches, configuration });
  }

  #replace(peer: string, { id, starts, nonce, batches, configuration }: StoreSighting): void {
    const sighting: StoreSighting = { id, starts, nonce, batches, configuration };
    this.#remembered.set(peer, sighting);
    this.#changed.set(peer, sighting);
  }
}
