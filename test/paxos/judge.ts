/** What must hold of a simulated world, seen from outside: nothing here asks the core for its opinion. */
import assert from 'node:assert/strict';
import type { Ballot, NodeId } from '#src/paxos/ballot.js';
import type { Configuration } from '#src/paxos/configuration.js';
import { entryAt, slot, type LogEntry } from '#src/paxos/contiguous-log.js';
import type { Durable } from '#src/paxos/state.js';
import { textOf } from './support.js';

export interface Witness {
  readonly id: NodeId;
  readonly durable: Durable;
  /** Lost or forgot something, and may have voted for what it does not hold any more. */
  readonly excused: boolean;
}

export class Judge {
  /** What each slot was chosen to hold, by whoever said so first. */
  readonly chosen = new Map<number, LogEntry>();
  readonly #configurations: Configuration[];
  readonly #open = new Set<string>();
  readonly #acknowledged = new Set<string>();
  readonly #users = new Map<string, string>();
  readonly #floors = new Map<number, number>();
  #highest = 0;
  reads = 0;

  constructor(first: Configuration) {
    this.#configurations = [first];
  }

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  get configuration(): Configuration {
    const newest = this.#configurations.at(-1);
    assert.ok(newest);
    return newest;
  }

  get everMembers(): ReadonlySet<NodeId> {
    return new Set(this.#configurations.flatMap(({ voters, learners }) => [...voters, ...learners]));
  }

  propose(text: string): void {
    this.#open.add(text);
  }

  reject(text: string): void {
    this.#open.delete(text);
  }

  /** Agreement, validity, and that a majority of the configuration holds it durably at that time (D1). */
  choose(at: number, entry: LogEntry, witnesses: readonly Witness[]): void {
    const show = nameOf(entry);
    const known = this.chosen.get(at);
    if (known !== undefined) {
      assert.equal(show, nameOf(known), `slot ${String(at)} was chosen twice`);
      return;
    }
    assert.ok(entry.next !== null || this.#open.has(show), `${show} was chosen and is not an open proposal`);
    this.chosen.set(at, entry);
    this.#highest = Math.max(this.#highest, at);
    const configuration = this.#configurations.findLast(({ after }) => after < at);
    assert.ok(configuration);
    this.#assertHeld(at, entry, configuration, witnesses);
    if (entry.next === null) return;
    assert.equal(entry.next.id, configuration.id + 1, 'a stop-sign begins the next configuration (P6)');
    assert.equal(entry.next.after, at);
    this.#configurations.push(entry.next);
    this.#assertHeld(at - 1, this.chosen.get(at - 1), entry.next, witnesses);
  }

  #assertHeld(at: number, entry: LogEntry | undefined, { voters }: Configuration, witnesses: readonly Witness[]): void {
    const holders = witnesses.filter(({ id, durable: { log }, excused }) => {
      if (!voters.includes(id)) return false;
      const held = entryAt(log, slot(at));
      const same = held !== undefined && (entry === undefined || nameOf(held) === nameOf(entry));
      return excused || at <= log.base || same;
    });
    const enough = holders.length * 2 > voters.length;
    assert.ok(enough, `slot ${String(at)} is chosen and only ${String(holders.length)} of ${voters.join()} hold it`);
  }

  acknowledge(text: string): void {
    this.#acknowledged.add(text);
  }

  /** D3: no two runs of a process prepare with one ballot in one configuration. */
  useBallot({ round, node }: Ballot, configuration: number, run: string): void {
    const ballot = `${String(round)}.${node} in ${String(configuration)}`;
    assert.equal(this.#users.get(ballot) ?? run, run, `ballot ${ballot} was used by two runs`);
    this.#users.set(ballot, run);
  }

  beginRead(id: number): void {
    this.#floors.set(id, this.#highest);
  }

  /** P8: whatever anybody had been told was chosen when the read began is in it. */
  answerRead(id: number, at: number): void {
    const floor = this.#floors.get(id);
    assert.ok(floor !== undefined && at >= floor, `read ${String(id)} of slot ${String(at)} misses ${String(floor)}`);
    this.reads += 1;
  }

  configured(configuration: Configuration): void {
    const known = this.#configurations[configuration.id - 1];
    assert.deepEqual(configuration, known, `configuration ${String(configuration.id)} means two things`);
  }

  assertNothingLost(): void {
    const texts = new Set([...this.chosen.values()].map(nameOf));
    for (const text of this.#acknowledged) assert.ok(texts.has(text), `${text} was acknowledged and is lost`);
    for (let at = 1; at <= this.#highest; at += 1) assert.ok(this.chosen.has(at), `slot ${String(at)} is a hole`);
  }
}

function nameOf(entry: LogEntry): string {
  return entry.next === null ? textOf(entry) : `stop-sign ${JSON.stringify(entry.next)}`;
}
