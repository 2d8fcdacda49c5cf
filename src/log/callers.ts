/**
 * Whoever waits for an answer of the replica: appends, reads and changes of members, of this node and, where it leads, of
 * its peers. Everything here is asked again until it is answered or its time is over.
 */
import { SnapcommitError, unreachable } from '../errors.js';
import { APPENDS_KEPT_PER_CLIENT } from '../machine/appends.js';
import type { Ballot } from '../paxos/ballot.js';
import type { Configuration } from '../paxos/configuration.js';
import { slot, type Slot } from '../paxos/contiguous-log.js';
import type { Input, ReconfigurationRefusal } from '../paxos/effects.js';
import type { MemberChange } from '../ports/cluster-log.js';
import type { AppendResult } from '../ports/log.js';
import { AppendLanes } from './append-lanes.js';
import { AppendRouting } from './append-routing.js';
import { ClientAppends, type AskedAppend } from './client-appends.js';
import type { CoreLives } from './core-lives.js';
import type { OuterEffect, Refusals } from './core-loop.js';
import { gathers } from './gathering.js';
import type { HostSettings, ReplicaHostPorts } from './host-settings.js';
import { LinearReads, type ReadsUser } from './linear-reads.js';
import { Members, type Proposal } from './members.js';
import { startOf } from './numbering.js';
import { ReadIndex } from './read-index.js';
import type { AppliedSlot } from './state-machine.js';
import type { WireMessage } from './wire-message.js';

/** What the callers' side needs of the replica. */
export interface ReplicaAccess {
  readonly node: string;
  /** Unique to this process. */
  readonly nonce: string;
  /** Questions are numbered from here on, above those of this node's earlier processes. */
  readonly firstNumber: number;
  leads(): boolean;
  leader(): Ballot | null;
  applied(): Slot;
  configuration(): Configuration;
  /** Why no append can be taken here now; null: they can. */
  full(): string | null;
  /** What of its disk keeps this node from following the log, for who has waited that long in vain; null: nothing. */
  diskTrouble(waitedMs: number): SnapcommitError | null;
  /** Whether a leader gathers what is to be proposed (gathering.ts). */
  gathers(): boolean;
  send(to: string, message: WireMessage): void;
  input(input: Input): void;
  propose(entries: readonly Uint8Array[]): Refusals;
  /** Something waits to be sent on: at the end of this turn. */
  soon(): void;
}

/** The core's side of what the callers need, over all of its lives. */
export function accessTo(
  core: CoreLives,
  own: Pick<ReplicaAccess, 'node' | 'nonce' | 'firstNumber' | 'send' | 'full' | 'diskTrouble' | 'soon'>,
): ReplicaAccess {
  return {
    ...own,
    leads: () => core.isServing && core.loop.leads,
    leader: () => core.leader,
    applied: () => slot(core.hasLoop ? core.loop.machine.state.applied : 0),
    configuration: () => core.configuration,
    gathers: () => gathers(core.loop),
    input: (input) => {
      core.loop.input(input);
    },
    propose: (entries) => core.loop.propose(entries),
  };
}

export class Callers {
  readonly #replica: ReplicaAccess;
  readonly #appends: ClientAppends;
  readonly #routing: AppendRouting;
  readonly #reads: LinearReads;
  readonly #readIndex: ReadIndex;
  readonly #members: Members;
  /** Who asked our core for a change of members, by the number that the core was given. */
  readonly #askers = new Map<number, { readonly from: string | null; readonly id: number }>();
  #asked = 0;
  /** The newest attempt taken of each process: what was refused is not carried out by a copy of it. */
  readonly #taken = new Map<string, number>();
  #ticks = 0;

  constructor(
    replica: ReplicaAccess,
    { timers, clock }: Pick<ReplicaHostPorts, 'timers' | 'clock'>,
    settings: HostSettings,
  ) {
    this.#replica = replica;
    const { firstNumber } = replica;
    const lanes = new AppendLanes(`${replica.node}.${replica.nonce}`, APPENDS_KEPT_PER_CLIENT);
    this.#appends = new ClientAppends(
      lanes,
      {
        pendingMax: settings.pendingAppendsMax,
        pendingBytesMax: settings.pendingAppendBytesMax,
        entryBytesMax: settings.entryBytesMax,
        timeoutMs: settings.appendTimeoutMs,
      },
      clock,
      timers,
    );
    this.#routing = new AppendRouting(replica, this.#appends, firstNumber);
    const user: ReadsUser = {
      ask: (id) => this.#readIndex.ask(id),
      applied: () => replica.applied(),
      full: () => replica.full(),
      trouble: (waitedMs) => replica.diskTrouble(waitedMs),
    };
    this.#reads = new LinearReads(user, timers, {
      timeoutMs: settings.readTimeoutMs,
      pendingMax: settings.pendingReadsMax,
      firstId: firstNumber,
    });
    this.#readIndex = new ReadIndex(replica, (id, at) => {
      this.#reads.answered(id, at);
      replica.soon();
    });
    this.#members = new Members(timers, settings.reconfigureTimeoutMs, firstNumber, {
      ask: (proposal) => this.#reconfigure(proposal),
      configuration: () => replica.configuration(),
    });
  }

  append(asked: AskedAppend): Promise<AppendResult> {
    const full = this.#replica.full();
    if (full !== null && (this.#replica.leads() || this.#replica.leader() === null))
      return Promise.resolve({ status: 'notDone', reason: full });
    const answer = this.#appends.submit(asked, this.#replica.applied());
    this.#replica.soon();
    return answer;
  }

  barrier(): Promise<void> {
    const passed = this.#reads.barrier();
    this.#replica.soon();
    return passed;
  }

  reconfigure(change: MemberChange): Promise<Configuration> {
    return this.#members.change(change);
  }

  transferLeadership(): void {
    const leader = this.#replica.leader();
    if (this.#replica.leads()) this.#replica.input({ kind: 'transfer' });
    else if (leader !== null) this.#replica.send(leader.node, { type: 'transfer' });
  }

  depths(): Readonly<Record<'appends' | 'forwarded' | 'reads', number>> {
    return { appends: this.#appends.pending, forwarded: this.#routing.intake, reads: this.#reads.pending };
  }

  tick(now: number): void {
    this.#ticks = now;
    this.#routing.tick(now);
    this.#reads.retry(now - 4);
    this.#members.tick(now);
  }

  /** Sends on whatever waits. */
  pump(): void {
    const leader = this.#replica.leader();
    const full = this.#replica.full();
    if (this.#replica.leads()) {
      if (full !== null) this.#routing.refuseAll(full);
      else if (!this.#replica.gathers() && this.#routing.hasProposals) this.#routing.propose(this.#ticks);
    } else if (leader !== null) this.#routing.forward(leader, this.#ticks);
    this.#reads.ask(this.#ticks);
  }

  /** The disk was found full. */
  refuseWhileFull(): void {
    this.#reads.refuseWhileFull();
  }

  leaderChanged(): void {
    this.#routing.leads(this.#replica.leads() ? this.#replica.leader() : null);
    this.#appends.retry(({ to }) => to !== null);
    this.#readIndex.forget();
    this.#reads.retry(Infinity);
    this.#askers.clear();
  }

  applied({ entry, outcome, from }: AppliedSlot): void {
    const append = entry?.append ?? null;
    if (append !== null && outcome !== null) this.#appends.applied(append, from, outcome);
  }

  moved(): void {
    this.#routing.eased();
    this.#reads.applied();
  }

  configured(): void {
    this.#askers.clear();
    this.#members.configured();
  }

  /** An answer of our core. */
  answered(effect: Extract<OuterEffect, { readonly kind: 'readable' | 'readRefused' | 'reconfigureRefused' }>): void {
    if (effect.kind !== 'reconfigureRefused') return this.#readIndex.answered(effect);
    const asker = this.#askers.get(effect.id);
    this.#askers.delete(effect.id);
    if (asker !== undefined) this.#refuseChange(asker.from, asker.id, effect.reason);
  }

  handle(from: string, message: CallersMessage): void {
    switch (message.type) {
      case 'forward':
        this.#routing.forwarded(from, message);
        return;
      case 'refused':
        this.#routing.refused(from, message);
        return;
      case 'readIndex':
        this.#readIndex.asked(from, message.id);
        return;
      case 'readAt':
        this.#reads.answered(message.id, message.slot === null ? null : slot(message.slot));
        return;
      case 'reconfigure':
        this.#proposed(from, message);
        return;
      case 'reconfigureRefused':
        this.#members.refused(message.id, message.reason);
        return;
      case 'transfer':
        if (this.#replica.leads()) this.#replica.input({ kind: 'transfer' });
        return;
      default:
        unreachable(message);
    }
  }

  end(error: SnapcommitError): void {
    this.#appends.end(error.message);
    this.#reads.end(error);
    this.#members.end(error);
  }

  #reconfigure(proposal: Proposal): boolean {
    const leader = this.#replica.leader();
    if (this.#replica.leads()) this.#toCore(null, proposal);
    else if (leader === null) return false;
    else this.#replica.send(leader.node, { type: 'reconfigure', ...proposal });
    return true;
  }

  /** A peer's. A copy counts as lost, which its sender cannot tell from taken. */
  #proposed(from: string, { id, base, voters, learners }: Proposal): void {
    const sender = `${from} ${String(startOf(id))}`;
    if (id <= (this.#taken.get(sender) ?? 0)) return;
    this.#taken.set(sender, id);
    if (this.#replica.leads()) this.#toCore(from, { id, base, voters, learners });
    else this.#refuseChange(from, id, 'notLeading');
  }

  #toCore(from: string | null, { id, base, voters, learners }: Proposal): void {
    this.#asked += 1;
    this.#askers.set(this.#asked, { from, id });
    this.#replica.input({ kind: 'reconfigure', id: this.#asked, base, voters, learners });
  }

  #refuseChange(from: string | null, id: number, reason: ReconfigurationRefusal): void {
    if (from === null) this.#members.refused(id, reason);
    else this.#replica.send(from, { type: 'reconfigureRefused', id, reason });
  }
}

export type CallersMessage = Extract<
  WireMessage,
  {
    readonly type: 'forward' | 'refused' | 'readIndex' | 'readAt' | 'reconfigure' | 'reconfigureRefused' | 'transfer';
  }
>;
