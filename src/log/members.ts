/**
 * Changes of membership that this node was asked for: said to whoever leads, again until this node is in a configuration
 * that has them. A change is not a set of members but what makes one of a configuration: it is worked out from the one
 * that this node is in, counts only in that one, and where another change comes first it is worked out anew from what
 * that one left. One at a time; the others wait their turn.
 */
import { SnapcommitError } from '../errors.js';
import { nodeId, type NodeId } from '../paxos/ballot.js';
import type { Configuration } from '../paxos/configuration.js';
import type { ReconfigurationRefusal } from '../paxos/effects.js';
import type { MemberChange } from '../ports/cluster-log.js';
import type { Timers } from '../ports/timers.js';
import { changeUnknown, manyChanges, membersImpossible, notChanged } from './member-errors.js';

/** What whoever leads is asked for: these members, if the configuration `base` is still the one. */
export interface Proposal {
  /** Every attempt has its own, so that its refusal is not taken for another's. */
  readonly id: number;
  readonly base: number;
  readonly voters: readonly NodeId[];
  readonly learners: readonly NodeId[];
}

interface Wanted {
  readonly change: MemberChange;
  readonly resolve: (configuration: Configuration) => void;
  readonly reject: (error: unknown) => void;
  stopWaiting: () => void;
  proposal: Proposal | null;
  /** Attempts that nobody has refused: each may still be carried out. */
  readonly open: Set<number>;
  refusal: ReconfigurationRefusal | null;
}

/** Asked for again after so many ticks. */
const AGAIN_TICKS = 10;
const WAITING_MAX = 16;

export interface MembersUser {
  /** Says it to whoever leads, and answers whether anybody is known to. */
  ask(proposal: Proposal): boolean;
  configuration(): Configuration;
}

export class Members {
  readonly #timers: Timers;
  readonly #timeoutMs: number;
  readonly #user: MembersUser;
  /** The first is under way. */
  readonly #queue: Wanted[] = [];
  #ids: number;

  constructor(timers: Timers, timeoutMs: number, firstId: number, user: MembersUser) {
    this.#timers = timers;
    this.#timeoutMs = timeoutMs;
    this.#ids = firstId;
    this.#user = user;
  }

  change(change: MemberChange): Promise<Configuration> {
    if (this.#queue.length >= WAITING_MAX) return Promise.reject(manyChanges(this.#queue.length));
    return new Promise((resolve, reject) => {
      const open = new Set<number>();
      const wanted: Wanted = {
        change,
        resolve,
        reject,
        stopWaiting: () => undefined,
        proposal: null,
        open,
        refusal: null,
      };
      wanted.stopWaiting = this.#timers.after(this.#timeoutMs, () => {
        this.#end(wanted, (one) => {
          one.reject(tooSlow(this.#timeoutMs, one));
        });
      });
      this.#queue.push(wanted);
      if (this.#queue[0] === wanted) this.#workOut(wanted);
    });
  }

  tick(now: number): void {
    const [wanted] = this.#queue;
    if (wanted !== undefined && now % AGAIN_TICKS === 0) this.#askFor(wanted);
  }

  configured(): void {
    const [wanted] = this.#queue;
    if (wanted !== undefined) this.#workOut(wanted);
  }

  /** What can never be ends it: asking again changes nothing. The others pass. */
  refused(id: number, reason: ReconfigurationRefusal): void {
    const [wanted] = this.#queue;
    if (wanted?.open.delete(id) !== true) return;
    wanted.refusal = reason;
    const { proposal } = wanted;
    if (reason !== 'invalid' || proposal === null) return;
    this.#end(wanted, ({ reject }) => {
      reject(membersImpossible(proposal));
    });
  }

  end(error: SnapcommitError): void {
    for (const wanted of this.#queue.splice(0)) {
      wanted.stopWaiting();
      wanted.reject(wanted.open.size > 0 ? changeUnknown(error.message) : error);
    }
  }

  /** Applied to what it has made a change makes the same again: then it is done. */
  #workOut(wanted: Wanted): void {
    const now = this.#user.configuration();
    let members: ReturnType<MemberChange>;
    try {
      members = wanted.change(now);
    } catch (error) {
      this.#end(wanted, ({ reject }) => {
        reject(error);
      });
      return;
    }
    const voters = members.voters.map(nodeId);
    const learners = members.learners.map(nodeId);
    if (isSameSet(now.voters, voters) && isSameSet(now.learners, learners)) {
      this.#end(wanted, ({ resolve }) => {
        resolve(now);
      });
      return;
    }
    // The configuration that the attempts were for has ended, and not by them: none will be carried out.
    if (wanted.proposal !== null && now.id === wanted.proposal.base + 1) wanted.open.clear();
    wanted.proposal = { id: 0, base: now.id, voters, learners };
    this.#askFor(wanted);
  }

  #askFor(wanted: Wanted): void {
    if (wanted.proposal === null) return;
    this.#ids += 1;
    const id = this.#ids;
    // Before it is said: the answer may come at once.
    wanted.open.add(id);
    if (!this.#user.ask({ ...wanted.proposal, id })) wanted.open.delete(id);
  }

  #end(wanted: Wanted, how: (wanted: Wanted) => void): void {
    const at = this.#queue.indexOf(wanted);
    if (at < 0) return;
    this.#queue.splice(at, 1);
    wanted.stopWaiting();
    how(wanted);
    const [next] = this.#queue;
    if (at === 0 && next !== undefined) this.#workOut(next);
  }
}

function isSameSet(a: readonly NodeId[], b: readonly NodeId[]): boolean {
  return a.length === b.length && a.every((one) => b.includes(one));
}

function tooSlow(timeoutMs: number, { open, refusal }: Wanted): SnapcommitError {
  return open.size > 0 ? changeUnknown(`no answer within ${String(timeoutMs)} ms`) : notChanged(timeoutMs, refusal);
}
