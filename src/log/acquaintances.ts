/**
 * What this node knows of its peers' stores, and what they make of ours (D8, D9). No I/O.
 *
 * A store that was wiped, cloned or set back does not know what its replica promised. Its peers do remember how far it
 * had come: a replica that has just started asks them before it votes, and goes on when, with itself, a majority knows it.
 * One that is told otherwise only learns, until a configuration begins in which it has never voted.
 */
import { isVoter, quorumSize, type Configuration } from '../paxos/configuration.js';
import type { NodeId } from '../paxos/ballot.js';
import type { StoreLife, StoreSeen } from '../ports/replica-store.js';
import { furtherSeen, judgeLife, type LifeVerdict } from './store-life.js';

export class Acquaintances {
  readonly #self: NodeId;
  readonly #remembered: Map<string, StoreSeen>;
  #changed = new Map<string, StoreSeen>();
  /** Who has told this start that it is the store that it knew, and in which configuration it last said so. */
  readonly #vouchers = new Map<string, number>();

  constructor(self: NodeId, remembered: Readonly<Record<string, StoreSeen>>) {
    this.#self = self;
    this.#remembered = new Map(Object.entries(remembered));
  }

  /**
   * What we make of a peer's store. `forgetfulThrough`: the peer knows that it forgot, and votes in no configuration up to
   * that one; so where it covers ours, its new store takes the old one's place.
   */
  meet(peer: string, life: StoreLife, forgetfulThrough: number, configuration: number): LifeVerdict {
    const verdict = judgeLife(this.#remembered.get(peer), life);
    const isOurs = verdict === 'known' || verdict === 'new';
    if (isOurs) this.#remember(peer, life);
    else if (forgetfulThrough >= configuration) this.#replace(peer, life);
    return isOurs || forgetfulThrough < configuration ? verdict : 'known';
  }

  /** What another peer has seen of `peer`: only ever raises what we know of the same store. */
  hear(peer: string, seen: StoreSeen): void {
    const known = this.#remembered.get(peer);
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

  all(): Readonly<Record<string, StoreSeen>> {
    return Object.fromEntries(this.#remembered);
  }

  /** What is to be remembered durably, since the last call. */
  takeChanged(): Readonly<Record<string, StoreSeen>> | undefined {
    if (this.#changed.size === 0) return undefined;
    const changed = Object.fromEntries(this.#changed);
    this.#changed = new Map();
    return changed;
  }

  #remember(peer: string, seen: StoreSeen): void {
    const known = this.#remembered.get(peer);
    const further = known === undefined ? seen : furtherSeen(known, seen);
    if (further.nonce !== known?.nonce || further.batches !== known.batches) this.#replace(peer, further);
  }

  #replace(peer: string, { id, starts, nonce, batches }: StoreSeen): void {
    const seen: StoreSeen = { id, starts, nonce, batches };
    this.#remembered.set(peer, seen);
    this.#changed.set(peer, seen);
  }
}
