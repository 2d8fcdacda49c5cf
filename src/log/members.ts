/**
 * Changes of membership that this node was asked for: said to whoever leads, again until this node is in a configuration
 * with exactly these members. Asking twice does no harm, since the wanted set is named and not the change.
 */
import { SnapcommitError } from '../errors.js';
import { nodeId, type NodeId } from '../paxos/ballot.js';
import type { Configuration } from '../paxos/configuration.js';
import type { ReconfigurationRefusal } from '../paxos/effects.js';
import type { MemberSet } from '../ports/cluster-log.js';
import type { Timers } from '../ports/timers.js';

interface Wanted {
  readonly id: number;
  readonly voters: readonly NodeId[];
  readonly learners: readonly NodeId[];
  readonly resolve: (configuration: Configuration) => void;
  readonly reject: (error: SnapcommitError) => void;
  readonly stopWaiting: () => void;
  refusal: ReconfigurationRefusal | null;
}

/** Asked for again after so many ticks. */
const AGAIN_TICKS = 10;

export class Members {
  readonly #timers: Timers;
  readonly #timeoutMs: number;
  /** Says it to whoever leads, as far as anybody is known to. */
  readonly #ask: (id: number, voters: readonly NodeId[], learners: readonly NodeId[]) => void;
  #wanted: Wanted | null = null;
  #ids: number;

  constructor(
    timers: Timers,
    timeoutMs: number,
    firstId: number,
    ask: (id: number, voters: readonly NodeId[], learners: readonly NodeId[]) => void,
  ) {
    this.#timers = timers;
    this.#timeoutMs = timeoutMs;
    this.#ids = firstId;
    this.#ask = ask;
  }

  change(members: MemberSet, now: Configuration): Promise<Configuration> {
    const voters = members.voters.map(nodeId);
    const learners = members.learners.map(nodeId);
    if (isThat(now, voters, learners)) return Promise.resolve(now);
    if (this.#wanted !== null) return Promise.reject(underWay());
    return new Promise((resolve, reject) => {
      const stopWaiting = this.#timers.after(this.#timeoutMs, () => {
        this.#settle((wanted) => {
          wanted.reject(tooSlow(this.#timeoutMs, wanted.refusal));
        });
      });
      this.#ids += 1;
      this.#wanted = { id: this.#ids, voters, learners, resolve, reject, stopWaiting, refusal: null };
      this.#ask(this.#ids, voters, learners);
    });
  }

  tick(now: number): void {
    const wanted = this.#wanted;
    if (wanted !== null && now % AGAIN_TICKS === 0) this.#ask(wanted.id, wanted.voters, wanted.learners);
  }

  configured(configuration: Configuration): void {
    const wanted = this.#wanted;
    if (wanted === null || !isThat(configuration, wanted.voters, wanted.learners)) return;
    this.#settle(() => {
      wanted.resolve(configuration);
    });
  }

  /**
   * What can never be ends it: asking again changes nothing. The others pass; so does `invalid` of a set that is possible
   * as far as this node knows, because whoever leads may have carried it out and not told us yet.
   */
  refused(id: number, reason: ReconfigurationRefusal, now: Configuration): void {
    const wanted = this.#wanted;
    if (wanted?.id !== id) return;
    wanted.refusal = reason;
    if (reason !== 'invalid' || isPossible(now, wanted)) return;
    this.#settle(() => {
      wanted.reject(impossible(wanted));
    });
  }

  end(error: SnapcommitError): void {
    this.#settle((wanted) => {
      wanted.reject(error);
    });
  }

  #settle(how: (wanted: Wanted) => void): void {
    const wanted = this.#wanted;
    if (wanted === null) return;
    this.#wanted = null;
    wanted.stopWaiting();
    how(wanted);
  }
}

function isThat(
  { voters, learners }: Configuration,
  wanted: readonly NodeId[],
  wantedLearners: readonly NodeId[],
): boolean {
  return isSameSet(voters, wanted) && isSameSet(learners, wantedLearners);
}

function isPossible({ voters, learners }: Configuration, wanted: Pick<Wanted, 'voters' | 'learners'>): boolean {
  const all = [...wanted.voters, ...wanted.learners];
  const members = [...voters, ...learners];
  const isKnown = wanted.voters.every((one) => members.includes(one));
  return wanted.voters.length > 0 && new Set(all).size === all.length && isKnown;
}

function isSameSet(a: readonly NodeId[], b: readonly NodeId[]): boolean {
  return a.length === b.length && a.every((one) => b.includes(one));
}

function underWay(): SnapcommitError {
  return new SnapcommitError(
    'BUSY',
    'another change of members is under way on this node; wait until it ends, or see `snapcommit cluster status`',
  );
}

function tooSlow(timeoutMs: number, refusal: ReconfigurationRefusal | null): SnapcommitError {
  const why =
    refusal === 'behind'
      ? 'no majority of the new voters holds the log yet; wait until they caught up'
      : 'no leader carried it out';
  return new SnapcommitError(
    'UNAVAILABLE',
    `the change of members did not come about within ${String(timeoutMs)} ms: ${why}. It may still; see \`snapcommit cluster status\``,
    { refusal },
  );
}

function impossible({ voters, learners }: Wanted): SnapcommitError {
  return new SnapcommitError(
    'USAGE',
    `the members cannot be voters ${voters.join(', ')} and learners ${learners.join(', ')}: there must be a voter, nobody twice, and who is new comes as a learner first`,
    { voters: [...voters], learners: [...learners] },
  );
}
