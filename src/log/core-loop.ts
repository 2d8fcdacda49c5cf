/**
 * The core with its disk: inputs go in one at a time, effects come out in the order that group-commit.ts keeps, chosen
 * entries reach the state machine, and every batch takes along what the state machine has to write. One of these is one
 * life of a replica: when the store says no, it is thrown away and a new one starts from what is durable.
 */
import { InvariantError, SnapcommitError, unreachable } from '../errors.js';
import { NO_BALLOT, sameBallot, type Ballot } from '../paxos/ballot.js';
import { isVoter } from '../paxos/configuration.js';
import { slot, type LogEntry, type Slot } from '../paxos/contiguous-log.js';
import type { Effect, Input } from '../paxos/effects.js';
import type { Envelope } from '../paxos/messages.js';
import { step } from '../paxos/replica.js';
import type { Replica } from '../paxos/state.js';
import type { CheckedCheckpoint, ReplicaStore, StoreBatch, StoreLife } from '../ports/replica-store.js';
import { encodeState } from './codec.js';
import { DiskWatch } from './disk-watch.js';
import { livingStore } from './living-store.js';
import { GroupCommit } from './group-commit.js';
import { keptSlots } from './kept.js';
import type { HostSettings } from './host-settings.js';
import { readState, type Started } from './replica-start.js';
import { StateMachine, type AppliedSlot } from './state-machine.js';

/** What the loop does not do itself. */
export type OuterEffect = Exclude<Effect, { readonly kind: 'persist' | 'send' | 'chosen' | 'rejected' | 'proposed' }>;

export interface CoreLoopUser {
  send(envelope: Envelope): void;
  applied(applied: AppliedSlot): void;
  /** After a run of `applied`. */
  moved(): void;
  perform(effect: OuterEffect): void;
  /** The disk hangs, or does not any more. */
  diskStalls(stalls: boolean): void;
  /** A step was taken or a batch became durable. */
  stepped(): void;
  durable(life: StoreLife, batch: StoreBatch): void;
  /** As `durable`, before anything that waited for it leaves. */
  lived(life: StoreLife): void;
  /** What goes along with the next batch beside the state machine's. */
  alongside(): StoreBatch;
  /** This loop has ended: a law was broken, or the store said no. */
  failed(error: unknown): void;
}

export interface Refusals {
  readonly refused: ReadonlySet<Uint8Array>;
  readonly reason: string;
}

export class CoreLoop {
  readonly commit: GroupCommit;
  checkpointSlot: Slot;
  #replica: Replica;
  #machine: StateMachine;
  readonly #store: ReplicaStore;
  readonly #user: CoreLoopUser;
  readonly #settings: HostSettings;
  readonly #disk: DiskWatch;
  readonly #inputs: Input[] = [];
  #stepping = false;
  #stopped = false;
  #checked: CheckedCheckpoint | null = null;
  /** The checkpoint that the batch under way writes. */
  #checkpointing: Slot | null = null;
  #wantsCheckpoint = false;
  #bytesAtCheckpoint = 0;
  #persistedApplied: Slot;
  #refused: { readonly set: Set<Uint8Array>; reason: string } | null = null;

  constructor(started: Started, store: ReplicaStore, user: CoreLoopUser, settings: HostSettings) {
    this.#replica = started.replica;
    this.#machine = started.machine;
    this.checkpointSlot = started.checkpointSlot;
    this.#persistedApplied = slot(0);
    this.#store = store;
    this.#user = user;
    this.#settings = settings;
    this.#disk = new DiskWatch(settings.limits.roundTicks);
    this.commit = new GroupCommit(livingStore(store, user), {
      perform: (effect) => {
        this.#guarded(() => {
          this.#perform(effect);
        });
      },
      installing: () => {
        this.#guarded(() => {
          this.#takeOver();
        });
      },
      alongside: () => this.#alongside(),
      onDurable: (life, batch) => {
        this.#durable(life, batch);
      },
      onFailed: (error) => {
        this.#fail(error);
      },
    });
  }

  get replica(): Replica {
    return this.#replica;
  }

  get machine(): StateMachine {
    return this.#machine;
  }

  get leads(): boolean {
    return this.#replica.role.kind === 'leading';
  }

  /** Whom this replica takes for the leader. Who has no vote takes no part in elections: it knows whom it promised. */
  get leader(): Ballot | null {
    const { role, election, promised, self, configuration } = this.#replica;
    if (role.kind === 'leading') return role.ballot;
    const leader = isVoter(configuration, self) ? election.leader : promised;
    return sameBallot(leader, NO_BALLOT) || leader.node === self ? null : leader;
  }

  input(input: Input): void {
    if (this.#stopped) return;
    this.#inputs.push(input);
    if (this.#stepping) return;
    this.#stepping = true;
    try {
      for (let next = this.#inputs.shift(); next !== undefined && !this.#isStopped(); next = this.#inputs.shift()) {
        const taken = step(this.#replica, next);
        this.#replica = taken.state;
        this.commit.add(taken.effects);
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#stepping = false;
    }
    if (!this.#isStopped()) this.#user.stepped();
  }

  /** The disk hangs: what would have to be written could not be answered. */
  get diskStalls(): boolean {
    return this.#disk.stalls;
  }

  /** The core's time, and the disk's. `mayVote`: before that the core takes no part in elections. */
  tick(mayVote: boolean): void {
    if (this.#disk.tick(this.commit.oldest)) {
      const { stalls } = this.#disk;
      this.#user.diskStalls(stalls);
      this.input({ kind: 'disk', stalls });
    }
    if (mayVote) this.input({ kind: 'tick' });
  }

  /** Answers at once which of the entries the core did not take. */
  propose(entries: readonly Uint8Array[]): Refusals {
    const refused = { set: new Set<Uint8Array>(), reason: '' };
    this.#refused = refused;
    this.input({ kind: 'propose', entries });
    this.#refused = null;
    return { refused: refused.set, reason: refused.reason };
  }

  /** A peer's checkpoint, whole and checked. Resolves when it is ours, or is of no use any more. */
  async install(checked: CheckedCheckpoint): Promise<void> {
    readState(checked.state, checked.slot, this.#store.file);
    this.#checked = checked;
    this.input({ kind: 'install', slot: checked.slot, configuration: checked.configuration });
    await this.commit.durable();
    this.#checked = null;
  }

  /** Resolves when a checkpoint of now is durable. */
  async checkpoint(): Promise<void> {
    if (this.#machine.state.applied > this.checkpointSlot) {
      this.#wantsCheckpoint = true;
      this.commit.demand();
    }
    await this.commit.durable();
  }

  /** What is only in memory, though it may wait, is written when nothing else happens. */
  settle(): void {
    if (!this.commit.isSyncing && this.#machine.state.applied > this.#persistedApplied) this.commit.demand();
  }

  stop(): void {
    this.#stopped = true;
    this.commit.stop();
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case 'persist':
        return;
      case 'send':
        if (effect.envelope.to !== this.#replica.self) return this.#user.send(effect.envelope);
        return this.input({ kind: 'receive', ...effect.envelope });
      case 'chosen':
        return this.#apply(effect.first, effect.entries);
      case 'proposed':
        return;
      case 'rejected':
        return this.#reject(effect.entries, effect.reason);
      case 'readable':
      case 'readRefused':
      case 'reconfiguring':
      case 'reconfigureRefused':
      case 'configured':
      case 'retired':
      case 'healed':
      case 'checkpointNeeded':
        return this.#user.perform(effect);
      default:
        unreachable(effect);
    }
  }

  #apply(first: Slot, entries: readonly LogEntry[]): void {
    for (const applied of this.#machine.apply(first, entries)) this.#user.applied(applied);
    this.#user.moved();
    const { checkpointSlots, checkpointBytes } = this.#settings;
    const due =
      this.#machine.state.applied - this.checkpointSlot >= checkpointSlots ||
      this.#machine.bytes - this.#bytesAtCheckpoint >= checkpointBytes;
    if (!due || this.#checkpointing !== null || this.#wantsCheckpoint) return;
    this.#wantsCheckpoint = true;
    this.commit.demand();
  }

  #reject(entries: readonly Uint8Array[], reason: string): void {
    if (this.#refused === null) return;
    for (const entry of entries) this.#refused.set.add(entry);
    this.#refused.reason = `the leader did not take it: ${reason}`;
  }

  /** In the step that installs a checkpoint, before anything that follows from it. */
  #takeOver(): void {
    const checked = this.#checked;
    if (checked === null) throw new InvariantError('P7', 'a checkpoint is installed that the host does not hold');
    if (checked.slot <= this.#machine.state.applied) return;
    this.#machine = new StateMachine(readState(checked.state, checked.slot, this.#store.file), this.#store.file);
    this.#bytesAtCheckpoint = 0;
    this.checkpointSlot = checked.slot;
    this.#wantsCheckpoint = false;
    this.#user.moved();
  }

  #alongside(): StoreBatch {
    const machine = this.#machine;
    const { applied } = machine.state;
    const archive = machine.takeArchive();
    const batch: StoreBatch = { ...this.#user.alongside(), applied, ...(archive.length > 0 ? { archive } : {}) };
    if (!this.#wantsCheckpoint || this.#checkpointing !== null) return batch;
    this.#wantsCheckpoint = false;
    this.#checkpointing = applied;
    this.#bytesAtCheckpoint = machine.bytes;
    const { keepSlots, checkpointBytes } = this.#settings;
    const keep = keptSlots(this.#replica.log, slot(applied), keepSlots, checkpointBytes);
    return { ...batch, checkpoint: { bytes: encodeState(machine.state), keep } };
  }

  #durable(life: StoreLife, batch: StoreBatch): void {
    const { applied } = batch;
    if (applied !== undefined) {
      this.#machine.archived(applied);
      this.#persistedApplied = applied;
    }
    if (batch.checkpoint !== undefined && this.#checkpointing !== null) {
      if (this.#checkpointing > this.checkpointSlot) this.checkpointSlot = this.#checkpointing;
      this.#checkpointing = null;
      this.input({ kind: 'compact', through: slot(Math.max(0, this.checkpointSlot - batch.checkpoint.keep)) });
    }
    this.#user.durable(life, batch);
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fail(error);
    }
  }

  #isStopped(): boolean {
    return this.#stopped;
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    this.stop();
    this.#user.failed(error);
  }
}

/** The store refused, and nothing of the batch is durable: a new life of the replica starts from what is. */
export function isSureRefusal(error: unknown): error is SnapcommitError {
  return error instanceof SnapcommitError && (error.code === 'STORE_FULL' || error.code === 'BUSY');
}
