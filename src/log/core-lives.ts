/**
 * The lives of a replica's core in one process: it starts from what is durable, starts again in place when the disk has no
 * room or when it has to know that it forgot, waits for a peer's checkpoint when its own cannot be read, and stops for
 * good when a sync fails or a law is broken (D6).
 */
import { SnapcommitError } from '../errors.js';
import { nodeId, type Ballot } from '../paxos/ballot.js';
import { isVoter, type Configuration } from '../paxos/configuration.js';
import { entriesAfter, slot } from '../paxos/contiguous-log.js';
import type { CheckedCheckpoint, Loaded, ScrubReport, StoreLife } from '../ports/replica-store.js';
import { CoreLoop, isSureRefusal, type CoreLoopUser } from './core-loop.js';
import type { HostSettings, ReplicaHostPorts } from './host-settings.js';
import {
  archiveUnreadable,
  checkpointTooOld,
  checkpointWithoutMembers,
  checkpointUnreadable,
  isCorrupt,
  logUnreadable,
  nobodyToHeal,
} from './replica-errors.js';
import { forgetfulWrite, rescueBatch, startReplica } from './replica-start.js';
import { UnreadableRecords } from './unreadable-records.js';

export interface CoreLivesUser extends Omit<CoreLoopUser, 'failed' | 'lived'> {
  /** A new life has begun: nothing of the last one's leader, questions and proposals is known to it. */
  begun(): void;
  /** The disk has no room for another batch. */
  full(): void;
  stopped(error: Error): void;
}

export class CoreLives {
  #life: StoreLife;
  #loaded: Loaded;
  /** null: the checkpoint cannot be read, and a peer's has to take its place first. */
  #loop: CoreLoop | null;
  /** Not null: the core is being started again, and nothing reaches it meanwhile. */
  #restarting: Promise<void> | null = null;
  /** Through which configuration the next life has to know that it forgot; 0: nobody has said so since the last one began. */
  #toForget = 0;
  #stopped: Error | null = null;
  #keepsNothing = false;
  #refusedRescues = 0;
  readonly #unreadable: UnreadableRecords;
  readonly #ports: ReplicaHostPorts;
  readonly #settings: HostSettings;
  readonly #user: CoreLivesUser;

  constructor(loaded: Loaded, ports: ReplicaHostPorts, settings: HostSettings, user: CoreLivesUser) {
    this.#ports = ports;
    this.#unreadable = new UnreadableRecords(ports.store);
    this.#settings = settings;
    this.#user = user;
    this.#loaded = loaded;
    this.#life = loaded.life;
    this.#loop = this.#begin(loaded);
  }

  /** @throws UNAVAILABLE while the checkpoint cannot be read. */
  get loop(): CoreLoop {
    if (this.#loop !== null) return this.#loop;
    throw checkpointUnreadable(this.#ports.store.file);
  }

  get hasLoop(): boolean {
    return this.#loop !== null;
  }

  get isServing(): boolean {
    return this.#loop !== null && this.#restarting === null && this.#stopped === null;
  }

  get leader(): Ballot | null {
    return this.isServing ? this.loop.leader : null;
  }

  get stopped(): Error | null {
    return this.#stopped;
  }

  get life(): StoreLife {
    return this.#life;
  }

  get configuration(): Configuration {
    return this.#loop?.replica.configuration ?? this.#loaded.identity.configuration;
  }

  get archiveDamaged(): boolean {
    return this.#unreadable.hasAny;
  }

  /** How many checkpoints of peers, one after the other, this disk had no room for. */
  get refusedRescues(): number {
    return this.#refusedRescues;
  }

  /** Whom a checkpoint can be asked of. */
  get peers(): readonly string[] {
    const { voters, learners } = this.configuration;
    return [...voters, ...learners].filter((node) => node !== this.#loaded.identity.node);
  }

  /**
   * Up to which configuration nothing that this replica says counts, because it forgot; 0: it did not. A learner's word counts in none up to its own, without
   * having to be told so: as a forgetful one it would not be seen to hold the log, and so never be let vote.
   */
  get forgetfulThrough(): number {
    const { configuration } = this;
    const abstains = this.#loop === null ? this.#loaded.head.abstains : this.#loop.replica.abstains;
    const forgot = abstains?.kind === 'forgetful' ? abstains.configuration : 0;
    const learns = !isVoter(configuration, nodeId(this.#loaded.identity.node));
    return learns ? Math.max(configuration.id, forgot) : forgot;
  }

  /** Nothing that this replica says may count up to this configuration: durable before it says anything more. */
  forget(through: number): void {
    this.#toForget = Math.max(this.#toForget, through);
    this.#restart(() => Promise.resolve());
  }

  /**
   * A peer's checkpoint, whole: takes the place of ours, or, where it is older than our log, of the records that we cannot
   * read. @throws EXPECTATION_FAILED when it is of no use, STORE_FULL when the disk has no room for it: then all is as it
   * was, and what was staged is to be given up.
   */
  async install(checked: CheckedCheckpoint): Promise<void> {
    const { file } = this.#ports.store;
    if (checked.configuration.after > checked.slot) throw checkpointWithoutMembers(checked);
    if (this.#loop !== null && !this.archiveDamaged) return this.#loop.install(checked);
    const base = this.#loop?.replica.log.base ?? this.#loaded.head.base;
    if (checked.slot < base && !this.#mends(checked)) {
      await this.#unreadable.readAgain();
      throw checkpointTooOld(file, checked.slot, base);
    }
    // Others need not wait for us to be missed.
    this.#loop?.input({ kind: 'transfer' });
    let refusal = null as SnapcommitError | null;
    this.#restart(async (loaded) => {
      try {
        await this.#rescue(loaded, checked);
      } catch (error) {
        // What serves without it goes on without it, and is not held up until there is room.
        if (!isSureRefusal(error)) throw error;
        refusal = error;
        this.#refusedRescues += 1;
      }
    });
    await this.#restarting;
    if (refusal !== null) throw refusal;
  }

  async #rescue(loaded: Loaded, checked: CheckedCheckpoint): Promise<void> {
    // A checkpoint of ours may have been under way, by which ours is newer now.
    const isOlder = checked.slot < loaded.head.base;
    if (isOlder && !this.#mends(checked)) return;
    const batch = isOlder ? { mend: checked.slot } : rescueBatch(loaded, checked, this.#settings.limits);
    await this.#ports.store.persist(batch);
    this.#refusedRescues = 0;
    await this.#unreadable.readAgain();
  }

  /** Whether we can work with our own checkpoint, and this one has records that we cannot read. */
  #mends(checked: CheckedCheckpoint): boolean {
    // Another incarnation's generations may have the numbers of ours.
    const isOfOurs = checked.incarnation === this.#loaded.identity.incarnation;
    return this.#loop !== null && isOfOurs && this.#unreadable.someIn(checked);
  }

  /**
   * Reads and checks all that is stored, and heals what this node's memory can: damaged rows by the same rows, a damaged
   * checkpoint by a new one. Damaged records of generations only a peer's checkpoint heals (rescue.ts).
   */
  async scrub(rest?: () => Promise<void>): Promise<ScrubReport> {
    const { store, onEvent } = this.#ports;
    const report = await store.scrub(rest);
    const { damaged, checkpointDamaged, archive } = report;
    this.#unreadable.found(archive);
    if (archive.length > 0) {
      onEvent?.({ type: 'damaged', slots: [], message: archiveUnreadable(store.file, archive) });
    }
    if (damaged.length === 0 && !checkpointDamaged) return report;
    onEvent?.({ type: 'damaged', slots: damaged, message: `a scrub found damage in ${store.file}` });
    const { log, decided } = this.loop.replica;
    const first = damaged.find((at) => at > log.base && at <= decided);
    if (first !== undefined) await store.repair(first, entriesAfter(log, slot(first - 1), decided));
    await this.loop.checkpoint();
    return report;
  }

  /** Nobody can heal us: the checkpoint cannot be read, and there are no peers. */
  giveUp(): void {
    this.stop(nobodyToHeal(this.#ports.store.file));
  }

  stop(error: Error): void {
    if (this.#stopped !== null) return;
    this.#stopped = error;
    this.#loop?.stop();
    this.#user.stopped(error);
  }

  /** Writes what only waits to be written. */
  async settle(): Promise<void> {
    if (!this.isServing) return;
    this.loop.settle();
    await this.loop.commit.durable();
  }

  async ended(): Promise<void> {
    await this.#restarting;
  }

  #begin(loaded: Loaded): CoreLoop | null {
    const { damaged, checkpoint } = loaded;
    const { store, onApplied, onEvent } = this.#ports;
    if (damaged.length > 0 || checkpoint.kind === 'damaged')
      onEvent?.({ type: 'damaged', slots: damaged, message: logUnreadable(store.file, loaded) });
    if (checkpoint.kind === 'damaged') return null;
    const started = startReplica(loaded, store.file, this.#settings.limits, onApplied);
    const user: CoreLoopUser = {
      ...this.#user,
      lived: (life) => {
        this.#life = life;
      },
      failed: (error) => {
        this.#failed(error);
      },
    };
    const settings = this.#keepsNothing ? { ...this.#settings, keepSlots: 0 } : this.#settings;
    return new CoreLoop(started, store, user, settings);
  }

  /**
   * The core's loop has ended. A sure "not done" of the store: start again from what is durable. Rows below the checkpoint
   * that cannot be read stop no checkpoint: from then on none are kept for peers that lag. Otherwise stop.
   */
  #failed(error: unknown): void {
    if (isSureRefusal(error)) this.#user.full();
    else if (isCorrupt(error) && !this.#keepsNothing) this.#keepsNothing = true;
    else return this.stop(asError(error));
    this.#restart(() => Promise.resolve());
  }

  /** A new life, from what is durable after `prepare`. */
  #restart(prepare: (loaded: Loaded) => Promise<unknown>): void {
    if (this.#restarting !== null || this.#stopped !== null) return;
    this.#loop?.stop();
    this.#restarting = this.#startAgain(prepare).then(
      () => {
        this.#restarting = null;
        if (this.isServing) this.#user.begun();
      },
      (error: unknown) => {
        this.#restarting = null;
        if (isSureRefusal(error)) this.#retry();
        else this.stop(asError(error));
      },
    );
  }

  async #startAgain(prepare: (loaded: Loaded) => Promise<unknown>): Promise<void> {
    const { store } = this.#ports;
    await prepare(await store.load());
    let loaded = await store.load();
    // More may be asked for while this is written.
    for (; this.#toForget > 0; loaded = await store.load()) await this.#writeForgotten(loaded);
    this.#loaded = loaded;
    this.#life = loaded.life;
    this.#loop = this.#begin(loaded);
  }

  async #writeForgotten(loaded: Loaded): Promise<void> {
    const { abstains } = loaded.head;
    const known = abstains?.kind === 'forgetful' ? abstains.configuration : 0;
    const through = Math.max(this.#toForget, known);
    await this.#ports.store.persist({ writes: [forgetfulWrite(loaded, through)] });
    if (this.#toForget <= through) this.#toForget = 0;
  }

  /**
   * The core stays out of it until what it has to know is durable. Nothing else is tried again: what was to be done then
   * may be of no use by now.
   */
  #retry(): void {
    this.#restarting = new Promise((resolve) => {
      this.#ports.timers.after(this.#settings.fullRetryMs, () => {
        this.#restarting = null;
        this.#restart(() => Promise.resolve());
        resolve();
      });
    });
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new SnapcommitError('UNAVAILABLE', String(error));
}
