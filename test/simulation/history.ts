/**
 * The judge of a world: what every node applied, what clients were told, and whether the two belong together. It shares
 * no code with what it judges but the decoding of entries, and knows a log's sequential meaning by a model of its own.
 */
import { decodeEntry } from '#src/log/codec.js';
import { canonicalJson } from '#src/machine/digest.js';
import type { AppliedSlot } from '#src/log/state-machine.js';
import type { Entry, Operation as MachineOperation, Outcome } from '#src/machine/entry.js';
import type { AppendResult } from '#src/ports/log.js';
import type { Configuration } from '#src/paxos/configuration.js';

/** What was found to be wrong: the law by name, and what happened. */
export class Violation extends Error {
  readonly law: string;

  constructor(law: string, message: string) {
    super(`${law}: ${message}`);
    this.name = 'Violation';
    this.law = law;
  }
}

interface ChosenSlot {
  readonly bytes: Uint8Array;
  readonly operation: number | null;
  /** What the model says that this slot does. */
  readonly ok: boolean | null;
  readonly from: number;
  /** The first node's outcome, as text. */
  readonly outcome: string;
  hash: string | null;
}

export interface Operation {
  readonly id: number;
  readonly what: MachineOperation;
  readonly request: boolean;
  /** The highest slot that anybody had been told of when it was first invoked. */
  readonly floor: number;
  attempts: number;
  refused: number;
}

export class History {
  readonly chosen: ChosenSlot[] = [];
  readonly operations: Operation[] = [];
  acknowledged = 0;
  reads = 0;
  /** The highest slot that any client was told of. */
  #told = 0;
  readonly #acknowledged = new Map<number, { readonly slot: number; readonly ok: boolean }>();
  readonly #leaders = new Map<string, string>();
  readonly #configurations = new Map<number, string>();
  readonly #model = new Model();
  /** By transaction, what was decided first. */
  readonly #decisions = new Map<string, 'commit' | 'abort'>();

  invoke(making: (id: number) => MachineOperation, request: boolean): Operation {
    const id = this.operations.length + 1;
    const operation = { id, what: making(id), request, floor: this.#told, attempts: 0, refused: 0 };
    this.operations.push(operation);
    return operation;
  }

  /** What a client was told of an append. */
  answered(operation: Operation, result: AppendResult): void {
    if (result.status === 'notDone') operation.refused += 1;
    if (result.status !== 'chosen') return;
    this.acknowledged += 1;
    const { slot, outcome } = result;
    const known = this.#acknowledged.get(operation.id);
    if (
      known !== undefined &&
      known.ok !== outcome.ok &&
      !outcome.ok &&
      outcome.code !== 'REQUEST_CONFLICT' &&
      known.ok
    )
      throw new Violation('exactly once', `operation ${String(operation.id)} was told two outcomes`);
    if (outcome.ok || known === undefined) this.#acknowledged.set(operation.id, { slot, ok: outcome.ok });
    if (!outcome.ok && outcome.code === 'APPEND_EXPIRED') return;
    const at = this.chosen[slot - 1];
    if (at === undefined)
      throw new Violation('durability', `slot ${String(slot)} was acknowledged and applied by nobody`);
    if (at.operation !== operation.id)
      throw new Violation(
        'agreement',
        `operation ${String(operation.id)} was told slot ${String(slot)}, which holds ${String(at.operation)}`,
      );
    if (at.outcome !== canonicalJson(outcome))
      throw new Violation('agreement', `slot ${String(slot)} had another outcome than its client was told`);
    if (slot <= operation.floor && operation.attempts === 1)
      throw new Violation(
        'linearizability',
        `operation ${String(operation.id)} took slot ${String(slot)}, though slot ${String(operation.floor)} was known before it began`,
      );
    this.#told = Math.max(this.#told, slot);
  }

  beginRead(): number {
    return this.#told;
  }

  /** A linearizable read that began when `floor` was known has answered a state. */
  answeredRead(floor: number, applied: number, volumes: readonly string[]): void {
    this.reads += 1;
    if (applied < floor)
      throw new Violation(
        'linearizability',
        `a read that began after slot ${String(floor)} was known answered as of slot ${String(applied)}`,
      );
    const wanted = this.#model.volumesAt(applied);
    if (wanted !== volumes.join())
      throw new Violation(
        'linearizability',
        `a read as of slot ${String(applied)} answered ${volumes.join()}, not ${String(wanted)}`,
      );
    this.#told = Math.max(this.#told, applied);
  }

  /** A node applied a slot. */
  applied(node: string, { slot, bytes, outcome, from }: AppliedSlot): void {
    const known = this.chosen[slot - 1];
    const text = outcome === null ? '' : canonicalJson(outcome);
    if (known === undefined) {
      if (slot !== this.chosen.length + 1)
        throw new Violation('order', `${node} applied slot ${String(slot)} after ${String(this.chosen.length)}`);
      this.#choose(slot, bytes, outcome, from, text);
      return;
    }
    if (Buffer.compare(known.bytes, bytes) !== 0)
      throw new Violation('agreement', `${node} applied another entry in slot ${String(slot)}`);
    if (known.outcome !== text || known.from !== from)
      throw new Violation(
        'determinism',
        `${node} had another outcome in slot ${String(slot)}: ${text} and ${known.outcome}`,
      );
  }

  /** The hash of a node's state as of a slot. */
  hashed(node: string, slot: number, hash: string): void {
    const known = this.chosen[slot - 1];
    if (known === undefined) return;
    known.hash ??= hash;
    if (known.hash !== hash) throw new Violation('determinism', `${node} holds another state at slot ${String(slot)}`);
  }

  leads(node: string, ballot: string): void {
    const known = this.#leaders.get(ballot) ?? node;
    this.#leaders.set(ballot, known);
    if (known !== node) throw new Violation('leadership', `${node} and ${known} lead with ballot ${ballot}`);
  }

  configured(node: string, { id, voters, learners, after }: Configuration): void {
    const text = JSON.stringify([voters, learners, after]);
    const known = this.#configurations.get(id) ?? text;
    this.#configurations.set(id, known);
    if (known !== text)
      throw new Violation('membership', `${node} has configuration ${String(id)} as ${text}, others as ${known}`);
  }

  /** Nothing that was acknowledged is missing, and nothing that was refused was done. */
  finish(): void {
    const done = new Set(this.chosen.map(({ operation }) => operation));
    for (const [operation, { slot }] of this.#acknowledged)
      if (this.chosen[slot - 1]?.operation !== operation && !done.has(operation))
        throw new Violation('durability', `operation ${String(operation)} was acknowledged and is lost`);
    for (const { id, attempts, refused } of this.operations)
      if (attempts > 0 && attempts === refused && done.has(id))
        throw new Violation('sure refusal', `operation ${String(id)} was told "not done" and was done`);
  }

  /** L4: the first of commit and abort wins, and nothing takes it back. */
  #decided(slot: number, operation: MachineOperation): void {
    if (operation.type !== 'commit' && operation.type !== 'abort') return;
    const { transaction, type } = operation;
    const known = this.#decisions.get(transaction) ?? type;
    this.#decisions.set(transaction, known);
    if (known !== type)
      throw new Violation('one decision', `slot ${String(slot)} answers ${type} of ${transaction}, after its ${known}`);
  }

  #choose(slot: number, bytes: Uint8Array, outcome: Outcome | null, from: number, text: string): void {
    const entry = outcome === null ? null : decodeEntry(bytes);
    const operation = entry === null ? null : operationOf(entry);
    const invoked = operation === null ? undefined : this.operations[operation - 1];
    if (operation !== null && (invoked === undefined || invoked.attempts === 0))
      throw new Violation(
        'validity',
        `slot ${String(slot)} holds operation ${String(operation)}, which nobody asked for`,
      );
    if (entry !== null && outcome?.ok === true) this.#decided(slot, entry.operation);
    // Whoever forgot whether it was carried out before carries it out neither then nor now: its client is told "unknown".
    const isExpired = outcome?.ok === false && outcome.code === 'APPEND_EXPIRED';
    const wanted = this.#model.apply(slot, isExpired ? null : entry, outcome?.ok ?? false);
    if (wanted !== null && outcome !== null && (wanted.ok !== outcome.ok || wanted.from !== from))
      throw new Violation(
        'exactly once',
        `slot ${String(slot)} answered ${text} from slot ${String(from)}, the model ${JSON.stringify(wanted)}`,
      );
    this.chosen.push({ bytes, operation, ok: wanted?.ok ?? null, from, outcome: text, hash: null });
  }
}

function isVolumes({ type }: MachineOperation): boolean {
  return type === 'addVolume' || type === 'removeVolume';
}

function operationOf({ operation, request }: Entry): number {
  if (operation.type === 'addVolume') return Number(operation.volume.source.split('#')[1]);
  return Number(request?.id.slice(1));
}

/** What the entries mean, said once more and simply. */
class Model {
  #present: readonly string[] = [];
  readonly #versions: string[] = [''];
  readonly #appends = new Map<string, { readonly ok: boolean; readonly from: number }>();
  readonly #requests = new Set<string>();

  volumesAt(slot: number): string | undefined {
    return this.#versions[slot];
  }

  /** `told`: what was answered; believed of what this model has no opinion on, the first time. */
  apply(slot: number, entry: Entry | null, told: boolean): { readonly ok: boolean; readonly from: number } | null {
    const answer = entry === null ? null : this.#carryOut(slot, entry, told);
    this.#versions[slot] = this.#present.join();
    return answer;
  }

  #carryOut(
    slot: number,
    { append, request, operation }: Entry,
    told: boolean,
  ): { readonly ok: boolean; readonly from: number } {
    const name = append === null ? '' : `${append.client} ${String(append.sequence)}`;
    const before = this.#appends.get(name);
    if (before !== undefined) return before;
    const knows = isVolumes(operation);
    const repeated = knows && request !== null && this.#requests.has(request.id);
    const ok = repeated || (knows ? this.#change(operation) : told);
    if (ok && request !== null) this.#requests.add(request.id);
    const answer = { ok, from: slot };
    this.#appends.set(name, answer);
    return answer;
  }

  #change(operation: Entry['operation']): boolean {
    if (operation.type === 'addVolume') {
      const { name } = operation.volume;
      if (this.#present.includes(name)) return false;
      this.#present = [...this.#present, name].sort();
      return true;
    }
    if (operation.type !== 'removeVolume' || !this.#present.includes(operation.volume)) return false;
    this.#present = this.#present.filter((name) => name !== operation.volume);
    return true;
  }
}
