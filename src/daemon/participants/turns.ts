/**
 * In which order a node works on the calls of one transaction: as they came, one after the other. A coordinator waits for
 * each answer anyway; but one that was cut off from it goes on to the next call, and a post-hook that ran beside its
 * pre-hook, or a discard beside its stage call, would undo what is not done yet.
 *
 * What ends a round, or all of it, never waits: writers may stand still because of what runs, and the participant itself
 * waits for as much as it must. It takes back what still waits for its turn there.
 */
import { SnapcommitError } from '../../errors.js';
import type { TransactionId } from '../../machine/entry.js';
import type { RoundName, Work } from '../../ports/participant.js';

/** A step of a transaction, or of one round of it. */
type Step = Work | RoundName;

interface Waiting {
  readonly step: Step;
  isTakenBack: boolean;
}

interface Line {
  readonly waiting: Set<Waiting>;
  /** Resolves when whoever came last is done. */
  last: Promise<unknown>;
}

export class Turns {
  readonly #lines = new Map<TransactionId, Line>();

  /** After everything of this transaction that came before. */
  async inTurn<T>(step: Step, work: () => Promise<T>): Promise<T> {
    const { transaction } = step;
    const line = this.#lines.get(transaction) ?? { waiting: new Set(), last: Promise.resolve() };
    this.#lines.set(transaction, line);
    const own: Waiting = { step, isTakenBack: false };
    line.waiting.add(own);
    const done = line.last.then(async () => {
      line.waiting.delete(own);
      if (own.isTakenBack) throw isOver(step);
      return work();
    });
    const last = done.catch(() => undefined);
    line.last = last;
    try {
      return await done;
    } finally {
      if (line.last === last) this.#lines.delete(transaction);
    }
  }

  /** Beside whatever runs. */
  async ending<T>(step: Step, work: () => Promise<T>): Promise<T> {
    for (const waiting of this.#lines.get(step.transaction)?.waiting ?? [])
      if (isWithin(waiting.step, step)) waiting.isTakenBack = true;
    return work();
  }
}

/** A round's end ends that round; a transaction's end all of it. Another epoch's is another's to end. */
function isWithin(step: Step, ended: Step): boolean {
  const isSameEpoch = step.epoch.incarnation === ended.epoch.incarnation && step.epoch.slot === ended.epoch.slot;
  return isSameEpoch && (!('round' in ended) || ('round' in step && step.round === ended.round));
}

function isOver({ transaction, ...step }: Step): SnapcommitError {
  const what =
    'round' in step ? `round ${String(step.round)} of transaction ${transaction}` : `transaction ${transaction}`;
  return new SnapcommitError('INTERRUPTED', `${what} was ended here before this step of it began`, { transaction });
}
