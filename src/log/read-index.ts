/** Questions of reads on their way to the core of whoever leads, and the answers back (linear-reads.ts). */
import type { Ballot } from '../paxos/ballot.js';
import { slot, type Slot } from '../paxos/contiguous-log.js';
import type { Effect, Input } from '../paxos/effects.js';
import type { WireMessage } from './wire.js';

/** Questions of peers that wait for our core. */
const QUESTIONS_MAX = 1024;

export interface ReadIndexUser {
  leads(): boolean;
  leader(): Ballot | null;
  send(to: string, message: WireMessage): void;
  input(input: Input): void;
}

export class ReadIndex {
  readonly #user: ReadIndexUser;
  readonly #asked = new Map<number, { readonly from: string | null; readonly id: number }>();
  readonly #answer: (id: number, slot: Slot | null) => void;
  #ids = 0;

  constructor(user: ReadIndexUser, answer: (id: number, slot: Slot | null) => void) {
    this.#user = user;
    this.#answer = answer;
  }

  /** Of our own; false: nobody leads, as far as we know. */
  ask(id: number): boolean {
    if (this.#user.leads()) {
      this.#askCore(null, id);
      return true;
    }
    const leader = this.#user.leader();
    if (leader === null) return false;
    this.#user.send(leader.node, { type: 'readIndex', id });
    return true;
  }

  asked(from: string, id: number): void {
    if (!this.#user.leads() || this.#asked.size >= QUESTIONS_MAX)
      return this.#user.send(from, { type: 'readAt', id, slot: null });
    this.#askCore(from, id);
  }

  answered(effect: Extract<Effect, { readonly kind: 'readable' | 'readRefused' }>): void {
    const at = effect.kind === 'readable' ? slot(effect.slot) : null;
    for (const id of effect.ids) {
      const question = this.#asked.get(id);
      if (question === undefined) continue;
      this.#asked.delete(id);
      if (question.from === null) this.#answer(question.id, at);
      else this.#user.send(question.from, { type: 'readAt', id: question.id, slot: at });
    }
  }

  /** The core that was asked is gone. */
  forget(): void {
    this.#asked.clear();
  }

  #askCore(from: string | null, id: number): void {
    this.#ids += 1;
    this.#asked.set(this.#ids, { from, id });
    this.#user.input({ kind: 'read', id: this.#ids });
  }
}
