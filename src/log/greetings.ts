/**
 * Getting to know each other's stores (acquaintances.ts): a start greets every member and asks for a verdict; running
 * nodes tell each other their lives, and those that they have seen, every now and then.
 */
import type { NodeId } from '../paxos/ballot.js';
import { isVoter, type Configuration } from '../paxos/configuration.js';
import type { StoreLife, StoreSighting } from '../ports/replica-store.js';
import type { Acquaintances } from './acquaintances.js';
import type { LifeVerdict } from './store-life.js';
import type { WireMessage } from './wire-message.js';

const ASK_TICKS = 4;
const TELL_TICKS = 20;
/** For so long every voter is waited for: the more are asked, the less a set-back store can hide. Then a majority is enough. */
const PATIENCE_TICKS = 8;

export interface GreetingsUser {
  send(to: string, message: WireMessage): void;
  configuration(): Configuration;
  life(): StoreLife;
  /** Up to which configuration this replica abstains because it forgot; 0: it does not. */
  forgetfulThrough(): number;
  /** A peer knows this node otherwise: nothing that it says may count up to this configuration. */
  forget(through: number, peer: string, verdict: LifeVerdict): void;
}

export class Greetings {
  readonly #self: NodeId;
  readonly #known: Acquaintances;
  readonly #user: GreetingsUser;
  #wasProven = false;
  #hasPatience = true;

  constructor(self: NodeId, known: Acquaintances, user: GreetingsUser) {
    this.#self = self;
    this.#known = known;
    this.#user = user;
  }

  /**
   * Once proven as a voter, a process stays so: what it has promised since it started, it knows. Who is no voter has
   * nothing to prove yet: its store may have been set back to before it voted, so as a voter it has to.
   */
  get isProven(): boolean {
    return this.#wasProven || !isVoter(this.#user.configuration(), this.#self);
  }

  tick(now: number): void {
    this.#hasPatience = now < PATIENCE_TICKS;
    this.#noteProven();
    const asks = !this.isProven;
    if (asks && now % ASK_TICKS === 0) this.greetAll();
    if (!asks && now % TELL_TICKS === 0) this.#tellAll();
  }

  /** At the start, and as soon as a configuration begins, in which we may have to be known anew. */
  greetAll(): void {
    this.#noteProven();
    for (const peer of this.#peers()) this.#user.send(peer, this.#greeting(!this.isProven));
  }

  /** It can be reached now. Until it has been told who we are it counts nothing that we say. */
  met(peer: string): void {
    for (const known of this.#peers()) if (known === peer) this.#user.send(peer, this.#greeting(!this.isProven));
  }

  greeted(from: string, greeting: Extract<WireMessage, { readonly type: 'greeting' }>): void {
    const { nonce } = greeting.life;
    const { verdict, configuration } = this.#known.meet(from, greeting, this.#user.configuration().id);
    if (greeting.answer || (verdict !== 'known' && verdict !== 'new'))
      this.#user.send(from, { type: 'verdict', nonce, verdict, configuration });
  }

  judged(from: string, { nonce, verdict, configuration }: Extract<WireMessage, { readonly type: 'verdict' }>): void {
    if (nonce !== this.#user.life().nonce) return;
    if (verdict === 'known' || verdict === 'new') {
      this.#known.vouch(from, configuration);
      this.#noteProven();
      return;
    }
    const through = Math.max(configuration, this.#user.configuration().id);
    if (through > this.#user.forgetfulThrough()) this.#user.forget(through, from, verdict);
  }

  heard(from: string, lives: Readonly<Record<string, StoreSighting>>): void {
    for (const [node, seen] of Object.entries(lives)) if (node !== from) this.#known.hear(node, seen);
  }

  #noteProven(): void {
    if (this.#known.isVouchedFor(this.#user.configuration(), this.#hasPatience)) this.#wasProven = true;
  }

  #tellAll(): void {
    const lives = this.#known.all();
    for (const peer of this.#peers()) {
      this.#user.send(peer, this.#greeting(false));
      this.#user.send(peer, { type: 'lives', lives });
    }
  }

  #greeting(answer: boolean): WireMessage {
    const configuration = this.#user.configuration().id;
    const forgetfulThrough = this.#user.forgetfulThrough();
    return { type: 'greeting', life: this.#user.life(), configuration, forgetfulThrough, answer };
  }

  #peers(): readonly NodeId[] {
    const { voters, learners } = this.#user.configuration();
    return [...voters, ...learners].filter((node) => node !== this.#self);
  }
}
