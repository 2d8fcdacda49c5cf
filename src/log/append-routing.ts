/**
 * Follow the leader: this node's appends go to whoever leads (here, or over the network), again when the leader changes
 * or stays silent; and a leader takes what others forward to it. What is refused is refused for certain: a forward is for
 * one ballot, and each of its numbers is looked at once and only upwards, by whoever does not lead (yet), too.
 */
import { sameBallot, type Ballot } from '../paxos/ballot.js';
import type { ClientAppends } from './client-appends.js';
import { startOf } from './numbering.js';
import type { WireMessage } from './wire-message.js';

/** What one proposal or one forward carries at most. */
const ENTRIES_MAX = 512;
const BYTES_MAX = 1 << 20;
/** What a leader holds of others' entries before it proposes them: so many, and so many bytes of them. */
const INTAKE_MAX = 4096;
const INTAKE_BYTES_MAX = 64 << 20;
/** A forward that has not been answered for so many ticks is made again. */
const RETRY_TICKS = 10;
/** Of so many processes we remember the numbers, the newest: an older one's copies are no longer under way. */
const SENDERS_MAX = 256;

type Forward = Extract<WireMessage, { readonly type: 'forward' }>;
type Refused = Extract<WireMessage, { readonly type: 'refused' }>;

interface Intake {
  readonly from: string;
  readonly forward: Forward;
  readonly index: number;
}

export interface RoutingUser {
  send(to: string, message: WireMessage): void;
  /** Answers which of them the core refused, and why. */
  propose(entries: readonly Uint8Array[]): { readonly refused: ReadonlySet<Uint8Array>; readonly reason: string };
}

export class AppendRouting {
  readonly #user: RoutingUser;
  readonly #appends: ClientAppends;
  readonly #intake: Intake[] = [];
  #intakeBytes = 0;
  /**
   * The newest number looked at of each process, whatever became of it: a copy of what we refused just before we led must not
   * be taken afterwards. A restart may forget them, since it never leads again with a ballot of before.
   */
  readonly #seen = new Map<string, number>();
  #ballot: Ballot | null = null;
  /** Goes on from the numbers of this node's earlier processes, so that a late refusal of theirs is nobody's. */
  #numbers: number;
  /** The core has as much under way as it may: wait until something is chosen, or for the next tick. */
  #congested = false;

  constructor(user: RoutingUser, appends: ClientAppends, firstNumber: number) {
    this.#numbers = firstNumber;
    this.#user = user;
    this.#appends = appends;
  }

  get hasProposals(): boolean {
    return !this.#congested && (this.#intake.length > 0 || this.#appends.hasWaiting);
  }

  get intake(): number {
    return this.#intake.length;
  }

  /** We lead with this ballot (null: no more). */
  leads(ballot: Ballot | null): void {
    const same = ballot === null ? this.#ballot === null : this.#ballot !== null && sameBallot(ballot, this.#ballot);
    if (same) return;
    this.#ballot = ballot;
    for (const { from, forward, index } of this.#take(this.#intake.length))
      this.#refuse(from, forward, [index], 'this node leads no more');
    this.#congested = false;
    this.#appends.retry(() => true);
  }

  /** Nothing can be taken here now: what no attempt was made of is a sure "not done", and so is what others forwarded. */
  refuseAll(reason: string): void {
    this.#appends.refuseUntried(reason);
    for (const { from, forward, index } of this.#take(this.#intake.length))
      this.#refuse(from, forward, [index], reason);
  }

  eased(): void {
    this.#congested = false;
  }

  tick(now: number): void {
    this.#congested = false;
    this.#appends.retry(({ to, atTick }) => to !== null && now - atTick > RETRY_TICKS);
  }

  /** Proposes a batch of what waits; we lead. */
  propose(now: number): void {
    // A very large entry goes alone: what is under way at once has to fit into one message when the leader changes.
    const [next] = this.#intake;
    const mine = next !== undefined && isLarge([entryOf(next)]) ? [] : this.#appends.take(ENTRIES_MAX, BYTES_MAX);
    const theirs = isLarge(mine.map(({ bytes }) => bytes)) ? [] : this.#takeIntake();
    const entries = [...mine.map(({ bytes }) => bytes), ...theirs.map(entryOf)];
    if (entries.length === 0) return;
    for (const append of mine) this.#appends.attempted(append, { to: null, number: 0, index: 0, atTick: now });
    const { refused, reason } = this.#user.propose(entries);
    if (refused.size === 0) return;
    this.#congested = true;
    for (const append of mine) if (refused.has(append.bytes)) this.#appends.refused(append, reason);
    for (const one of theirs) if (refused.has(entryOf(one))) this.#refuse(one.from, one.forward, [one.index], reason);
  }

  /** One at least, where there is one, whatever its size. */
  #takeIntake(): readonly Intake[] {
    let bytes = 0;
    const end = this.#intake.findIndex((one, index) => {
      bytes += entryOf(one).length;
      return index > 0 && (index >= ENTRIES_MAX || bytes > BYTES_MAX);
    });
    return this.#take(end < 0 ? this.#intake.length : end);
  }

  #take(count: number): readonly Intake[] {
    const taken = this.#intake.splice(0, count);
    this.#intakeBytes -= bytesOf(taken.map(entryOf));
    return taken;
  }

  /** Sends a batch of what waits to whoever leads with this ballot. */
  forward(ballot: Ballot, now: number): void {
    while (this.#appends.hasWaiting) {
      const batch = this.#appends.take(ENTRIES_MAX, BYTES_MAX);
      this.#numbers += 1;
      const number = this.#numbers;
      for (const [index, append] of batch.entries())
        this.#appends.attempted(append, { to: ballot.node, number, index, atTick: now });
      this.#user.send(ballot.node, { type: 'forward', ballot, number, entries: batch.map(({ bytes }) => bytes) });
    }
  }

  /** A peer's entries. */
  forwarded(from: string, forward: Forward): void {
    const { ballot, number, entries } = forward;
    const all = entries.map((_, index) => index);
    // A copy, or one that was overtaken: it counts as lost, which its sender cannot tell from taken.
    if (this.#hasSeen(from, number)) return;
    if (this.#ballot === null || !sameBallot(ballot, this.#ballot))
      return this.#refuse(from, forward, all, 'this node does not lead with that ballot');
    const bytes = bytesOf(entries);
    if (this.#intake.length + entries.length > INTAKE_MAX || this.#intakeBytes + bytes > INTAKE_BYTES_MAX)
      return this.#refuse(from, forward, all, 'busy: the leader has as many appends waiting as it takes');
    this.#intakeBytes += bytes;
    for (const index of all) this.#intake.push({ from, forward, index });
  }

  refused(from: string, { number, indices, reason }: Refused): void {
    for (const append of this.#appends.attemptedBy(from, number)) {
      if (append.attempt !== null && indices.includes(append.attempt.index)) this.#appends.refused(append, reason);
    }
  }

  #hasSeen(from: string, number: number): boolean {
    const sender = `${from} ${String(startOf(number))}`;
    const newest = this.#seen.get(sender) ?? 0;
    this.#seen.delete(sender);
    this.#seen.set(sender, Math.max(newest, number));
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > SENDERS_MAX && oldest !== undefined) this.#seen.delete(oldest);
    return number <= newest;
  }

  #refuse(to: string, { ballot, number }: Forward, indices: readonly number[], reason: string): void {
    this.#user.send(to, { type: 'refused', ballot, number, indices, reason });
  }
}

function bytesOf(entries: readonly Uint8Array[]): number {
  return entries.reduce((sum, { length }) => sum + length, 0);
}

/** Of what is taken, only the first may be larger than a batch. */
function isLarge([first]: readonly Uint8Array[]): boolean {
  return first !== undefined && first.length > BYTES_MAX;
}

function entryOf({ forward, index }: Intake): Uint8Array {
  return forward.entries[index] ?? new Uint8Array();
}
