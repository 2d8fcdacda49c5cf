/**
 * What was decided, as the log's slots tell it, and whether what commands answered is true to it. Shares no code with the
 * coordinator: it knows entries and their outcomes, nothing else.
 */
import { exitStatusOf } from '#src/cli/exit-status.js';
import { SnapcommitError } from '#src/errors.js';
import { decodeEntry } from '#src/log/codec.js';
import type { AppliedSlot } from '#src/log/state-machine.js';
import type { Abort, Entry, Manifest, TransactionId } from '#src/machine/entry.js';
import { Violation } from '../simulation/history.js';

export interface DecidedTransaction {
  readonly transaction: TransactionId;
  readonly group: string;
  readonly message: string;
  readonly beganSlot: number;
  /** The newest slot whose epoch speaks for it. */
  epochSlot: number;
  decision: 'open' | 'committed' | 'aborted';
  decidedSlot: number;
  generation: number;
  abort: Pick<Abort, 'code' | 'reason'> | null;
}

export interface CommittedGeneration {
  readonly group: string;
  readonly generation: number;
  readonly slot: number;
  readonly transaction: TransactionId;
  readonly mode: string;
  readonly manifest: Manifest;
}

/** How a command ended: an answer, a failure, or not at all. */
export type Ending =
  | { readonly kind: 'answered'; readonly generation: number | null }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'killed' };

export class Judge {
  readonly transactions = new Map<string, DecidedTransaction>();
  readonly generations = new Map<string, CommittedGeneration>();
  readonly #slots: string[] = [];
  readonly #modes = new Map<string, string>();
  readonly #onCommit: (generation: CommittedGeneration) => void;

  constructor(onCommit: (generation: CommittedGeneration) => void) {
    this.#onCommit = onCommit;
  }

  get lastSlot(): number {
    return this.#slots.length;
  }

  applied(node: string, { slot, bytes, outcome, from }: AppliedSlot): void {
    const text = `${Buffer.from(bytes).toString('base64')} ${JSON.stringify(outcome)}`;
    const known = this.#slots[slot - 1];
    if (known === undefined) {
      if (slot !== this.#slots.length + 1)
        throw new Violation('order', `${node} applied slot ${String(slot)} too early`);
      this.#slots.push(text);
      // A copy of an earlier entry does nothing, and is answered like that one.
      if (outcome?.ok === true && from === slot) this.#take(slot, decodeEntry(bytes), outcome.generation);
    } else if (known !== text)
      throw new Violation('agreement', `${node} applied another entry in slot ${String(slot)}`);
  }

  #take(slot: number, { operation }: Entry, generation: number | null): void {
    if (operation.type === 'begin') {
      const { transaction, group, message, mode } = operation;
      const unknown = { epochSlot: slot, decision: 'open', decidedSlot: 0, generation: 0, abort: null } as const;
      this.transactions.set(transaction, { transaction, group, message, beganSlot: slot, ...unknown });
      this.#modes.set(transaction, mode);
      return;
    }
    const known = 'transaction' in operation ? this.transactions.get(operation.transaction) : undefined;
    if (known === undefined) return;
    if (operation.type === 'takeOver') {
      if (known.decision !== 'open')
        throw new Violation('decision', `${known.transaction} was taken over when decided`);
      known.epochSlot = slot;
    }
    if (operation.type !== 'commit' && operation.type !== 'abort') return;
    // The same decision again changes nothing.
    if (known.decision !== 'open') {
      if (known.decision !== (operation.type === 'commit' ? 'committed' : 'aborted'))
        throw new Violation('decision', `${known.transaction} was decided twice`);
      return;
    }
    if (operation.epoch.slot !== known.epochSlot)
      throw new Violation(
        'fencing',
        `${known.transaction} was decided under the epoch of slot ${String(operation.epoch.slot)}`,
      );
    known.decidedSlot = slot;
    if (operation.type === 'abort') {
      known.decision = 'aborted';
      known.abort = { code: operation.code, reason: operation.reason };
      return;
    }
    if (known.epochSlot !== known.beganSlot)
      throw new Violation('fencing', `${known.transaction} was committed after a take-over`);
    known.decision = 'committed';
    known.generation = generation ?? 0;
    this.#commit(known, slot, operation.manifest);
  }

  #commit({ transaction, group, generation }: DecidedTransaction, slot: number, manifest: Manifest): void {
    const before = [...this.generations.values()].filter((one) => one.group === group);
    if (before.some((one) => one.generation >= generation))
      throw new Violation('generations', `${group}@${String(generation)} was committed after a later one`);
    const mode = this.#modes.get(transaction) ?? 'capture';
    const committed = { group, generation, slot, transaction, mode, manifest };
    this.generations.set(`${group}@${String(generation)}`, committed);
    this.#onCommit(committed);
  }

  /** The transaction that carries this message. */
  transactionOf(message: string): DecidedTransaction | undefined {
    return [...this.transactions.values()].find((one) => one.message === message);
  }

  /** The newest generation that was committed, 0 for none. */
  newest(group: string): number {
    return Math.max(0, ...[...this.generations.values()].map((one) => (one.group === group ? one.generation : 0)));
  }

  /** `message`: what the command's transaction carries. Answers how the command ended, in words. */
  assertTrue(message: string, ending: Ending): string {
    const mine = [...this.transactions.values()].filter((one) => one.message === message);
    const [last = null] = mine.slice(-1);
    const said = describeEnding(ending);
    const wrong = (what: string): never => {
      throw new Violation('answers', `${message} ${said}, but ${what}`);
    };
    if (mine.length > 1) wrong(`it began ${String(mine.length)} transactions`);
    if (last?.decision === 'open') throw new Violation('liveness', `${message}: its transaction is still open`);
    switch (said) {
      case 'ended with 0':
        if (last?.decision !== 'committed') wrong('nothing was committed');
        if (ending.kind === 'answered' && ending.generation !== last?.generation)
          wrong('another generation was committed');
        break;
      case 'ended with 5':
        if (last?.decision !== 'aborted') wrong(`its transaction was ${last?.decision ?? 'never begun'}`);
        break;
      case 'ended with 9':
        if (last?.decision !== 'committed') wrong('nothing was committed');
        break;
      case 'ended with 7':
      case 'was killed':
        break;
      default:
        if (last !== null) wrong(`a transaction was begun, and ${last.decision}`);
    }
    return said;
  }
}

export function describeEnding(ending: Ending): string {
  if (ending.kind === 'killed') return 'was killed';
  if (ending.kind === 'answered') return 'ended with 0';
  const { error } = ending;
  if (error instanceof SnapcommitError) return `ended with ${String(exitStatusOf(error))}`;
  throw new Violation('error', error instanceof Error ? (error.stack ?? error.message) : String(error));
}
