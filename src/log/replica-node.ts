/**
 * A replica with its peers, over the lives of its core: greets before it votes, ticks, hands messages in and out, heals
 * itself by a peer's checkpoint, and starts again in place when the disk has no room. Stops for good when a sync fails
 * or a law is broken (D6).
 */
import { SnapcommitError, unreachable } from '../errors.js';
import { nodeId, sameBallot, type Ballot, type NodeId } from '../paxos/ballot.js';
import type { Configuration } from '../paxos/configuration.js';
import { entriesAfter, slot } from '../paxos/contiguous-log.js';
import type { Envelope, Message } from '../paxos/messages.js';
import type { ReplicaEvent } from '../ports/cluster-log.js';
import type { CheckedCheckpoint, Loaded, ScrubReport, StoreBatch, StoreLife } from '../ports/replica-store.js';
import { Acquaintances } from './acquaintances.js';
import { Callers, type ReplicaAccess } from './callers.js';
import { CheckpointFetch } from './checkpoint-fetch.js';
import { CheckpointSource } from './checkpoint-source.js';
import { CoreLoop, isSureRefusal, type OuterEffect } from './core-loop.js';
import { Greetings } from './greetings.js';
import type { HostSettings, ReplicaHostPorts } from './host-settings.js';
import { forgetfulWrite, rescueBatch, startReplica } from './replica-start.js';
import type { LifeVerdict } from './store-life.js';
import { decodeWire, encodeWire, type WireMessage } from './wire.js';

/** What is applied and not yet written is written after so many ticks. */
const SETTLE_TICKS = 20;
/** Each process of a node numbers its questions from its own millions on. */
const NUMBERS_OF_A_START = 2 ** 24;

/** What does not need the core. */
const SERVED_ALWAYS: ReadonlySet<WireMessage['type']> = new Set(['greeting', 'lives', 'verdict', 'chunk', 'gone']);

export class ReplicaNode {
  readonly self: NodeId;
  readonly callers: Callers;
  readonly #ports: ReplicaHostPorts;
  readonly #settings: HostSettings;
  readonly #known: Acquaintances;
  readonly #greetings: Greetings;
  readonly #source: CheckpointSource;
  readonly #fetch: CheckpointFetch;
  #life: StoreLife;
  /** null: the checkpoint cannot be read, and a peer's has to take its place first. */
  #loop: CoreLoop | null;
  /** As loaded; the loop knows better once there is one. */
  #loaded: Loaded;
  /** Not null: the core is being started again from what is durable, and nothing reaches it meanwhile. */
  #restarting: Promise<void> | null = null;
  #stopped: Error | null = null;
  #ticks = 0;
  #cancelTick: () => void = () => undefined;
  #soon = false;
  #leader: Ballot | null = null;
  #fullUntilTick: number | null = null;
  #syncBegan = 0;

  constructor(loaded: Loaded, ports: ReplicaHostPorts, settings: HostSettings) {
    this.self = nodeId(loaded.identity.node);
    this.#ports = ports;
    this.#settings = settings;
    this.#life = loaded.life;
    this.#loaded = loaded;
    this.#loop = this.#newLoop(loaded);
    const send = (to: string, message: WireMessage) => {
      this.#send(to, message);
    };
    this.#known = new Acquaintances(this.self, loaded.remembered);
    this.#greetings = new Greetings(this.self, this.#known, {
      send,
      configuration: () => this.configuration,
      life: () => this.#life,
      forgetfulThrough: () => this.#forgetfulThrough(),
      forget: (through, peer, verdict) => {
        this.#forget(through, peer, verdict);
      },
      proven: () => {
        this.#pumpSoon();
      },
    });
    this.#source = new CheckpointSource(ports.store, send, async () => {
      if (this.configuration.after > this.loop.checkpointSlot) await this.loop.checkpoint();
    });
    this.#fetch = new CheckpointFetch(
      ports.store,
      {
        send,
        install: (checked) => this.#install(checked),
        failed: (from, error) => {
          this.event({ type: 'transferFailed', from, message: messageOf(error) });
        },
      },
      this.#firstNumber,
    );
    this.callers = new Callers(this.#access(), ports, settings);
    this.#greetings.greetAll();
    this.#nextTick();
  }

  /** @throws UNAVAILABLE while the checkpoint cannot be read. */
  get loop(): CoreLoop {
    if (this.#loop !== null) return this.#loop;
    throw new SnapcommitError(
      'UNAVAILABLE',
      `the checkpoint in ${this.#ports.store.file} cannot be read; it is being fetched from a peer`,
    );
  }

  get configuration(): Configuration {
    return this.#loop?.replica.configuration ?? this.#loaded.identity.configuration;
  }

  get stopped(): Error | null {
    return this.#stopped;
  }

  get isProven(): boolean {
    return this.#greetings.isProven;
  }

  get isFull(): boolean {
    return this.#fullUntilTick !== null;
  }

  get isFetching(): boolean {
    return this.#fetch.isFetching;
  }

  get leader(): Ballot | null {
    return this.#isServing ? (this.#loop?.leader ?? null) : null;
  }

  get #isServing(): boolean {
    return this.#loop !== null && this.#restarting === null && this.#stopped === null;
  }

  get #firstNumber(): number {
    return this.#life.starts * NUMBERS_OF_A_START;
  }

  /** Bytes from a member. What cannot be read is dropped and counted. */
  receive(from: string, bytes: Uint8Array): void {
    if (this.#stopped !== null) return;
    let message: WireMessage;
    try {
      message = decodeWire(bytes);
    } catch (error) {
      this.#ports.metrics?.messageRefused(from, messageOf(error));
      return;
    }
    if (this.#isServing || SERVED_ALWAYS.has(message.type)) this.#handle(nodeId(from), message);
  }

  /** Serves nothing from here on. What waits is answered with this. */
  async end(error: SnapcommitError): Promise<void> {
    if (this.#isServing) {
      this.loop.settle();
      await this.loop.commit.idle();
    }
    this.#stop(error);
    await this.#restarting;
    await this.#source.close();
    await this.#fetch.close();
    await this.#ports.store.close();
  }

  /**
   * Reads and checks all that is stored, and heals what this node's memory can: damaged rows by the same rows, a damaged
   * checkpoint by a new one.
   */
  async scrub(): Promise<ScrubReport> {
    const report = await this.#ports.store.scrub();
    const { damaged, checkpointDamaged } = report;
    if (damaged.length === 0 && !checkpointDamaged) return report;
    this.event({ type: 'damaged', slots: damaged, message: `a scrub found damage in ${this.#ports.store.file}` });
    const { log, decided } = this.loop.replica;
    const first = damaged.find((at) => at > log.base && at <= decided);
    if (first !== undefined) await this.#ports.store.repair(first, entriesAfter(log, slot(first - 1), decided));
    await this.loop.checkpoint();
    return report;
  }

  event(event: ReplicaEvent): void {
    this.#ports.onEvent?.(event);
  }

  #handle(from: NodeId, message: WireMessage): void {
    switch (message.type) {
      case 'core':
        return this.#receiveCore(from, message.configuration, message.message);
      case 'greeting':
        return this.#greetings.greeted(from, message);
      case 'verdict':
        return this.#greetings.judged(from, message);
      case 'lives':
        return this.#greetings.heard(from, message.lives);
      case 'pull':
        return void this.#source.pulled(from, message.transfer, message.index);
      case 'chunk':
        return void this.#fetch.chunk(from, message);
      case 'gone':
        return this.#fetch.gone(from, message.transfer);
      default:
        return this.callers.handle(from, message);
    }
  }

  #receiveCore(from: NodeId, configuration: number, message: Message): void {
    if (!this.#isProven(configuration, message) || this.#hasNoRoomFor(message)) return;
    this.loop.input({ kind: 'receive', from, configuration, message });
  }

  /** Before its peers know it, a voter only learns: nothing that it would say could be believed (D8, D9). */
  #isProven(configuration: number, message: Message): boolean {
    if (this.#greetings.isProven || configuration > this.configuration.id) return true;
    return message.type === 'learn' || message.type === 'compacted';
  }

  /** On a full disk nothing is accepted; the leader says it again. */
  #hasNoRoomFor(message: Message): boolean {
    if (this.#fullUntilTick === null) return false;
    return (
      message.type === 'acceptSync' || ((message.type === 'accept' || message.type === 'learn') && message.entries.length > 0)
    );
  }

  #nextTick(): void {
    this.#cancelTick = this.#ports.timers.after(this.#settings.tickMs, () => {
      this.#ticks += 1;
      this.#tick();
      if (this.#stopped === null) this.#nextTick();
    });
  }

  #tick(): void {
    const now = this.#ticks;
    this.#source.tick();
    this.#greetings.tick(now);
    if (this.#loop === null) this.#rescue(now);
    if (!this.#isServing) return;
    if (this.#fullUntilTick !== null && now >= this.#fullUntilTick) {
      this.#fullUntilTick = null;
      this.event({ type: 'room' });
    }
    this.#fetch.tick();
    this.callers.tick(now);
    if (now % SETTLE_TICKS === 0) this.loop.settle();
    if (this.#greetings.isProven) this.loop.input({ kind: 'tick' });
    this.#measure();
    this.#pumpSoon();
  }

  #newLoop(loaded: Loaded): CoreLoop | null {
    const { store } = this.#ports;
    if (loaded.damaged.length > 0 || loaded.checkpoint.kind === 'damaged') this.#tellDamage(loaded);
    if (loaded.checkpoint.kind === 'damaged') return null;
    const loop = new CoreLoop(
      startReplica(loaded, store.file, this.#settings.limits, this.#ports.onApplied),
      store,
      {
        send: (envelope) => {
          this.#sendCore(envelope);
        },
        applied: (applied) => {
          this.callers.applied(applied);
          this.#ports.metrics?.slotsChosen(1);
          this.#ports.onApplied?.(applied, loop.machine.state);
        },
        moved: () => {
          this.callers.moved();
        },
        perform: (effect) => {
          this.#perform(effect);
        },
        stepped: () => {
          this.#stepped();
        },
        durable: (life, batch) => {
          this.#durable(life, batch);
        },
        alongside: () => this.#alongside(),
        failed: (error) => {
          this.#failed(error);
        },
      },
      this.#settings,
    );
    return loop;
  }

  #perform(effect: OuterEffect): void {
    switch (effect.kind) {
      case 'readable':
      case 'readRefused':
      case 'reconfigureRefused':
        return this.callers.answered(effect);
      case 'reconfiguring':
        return;
      case 'configured':
        this.event({ type: 'configured', configuration: effect.configuration });
        return this.callers.configured(effect.configuration);
      case 'retired':
        return this.event({ type: 'retired' });
      case 'healed':
        return this.event({ type: 'healed' });
      case 'checkpointNeeded':
        return this.#fetch.begin(effect.from);
      default:
        unreachable(effect);
    }
  }

  #stepped(): void {
    const { leader } = this.loop;
    const changed = leader === null ? this.#leader !== null : this.#leader === null || !sameBallot(leader, this.#leader);
    if (changed) {
      this.#leader = leader;
      this.#ports.metrics?.leaderChanged(leader?.node ?? null);
      this.callers.leaderChanged();
    }
    this.#pumpSoon();
  }

  #alongside(): StoreBatch {
    this.#syncBegan = this.#ports.clock.monotonic();
    const remembered = this.#known.takeChanged();
    return remembered === undefined ? {} : { remembered };
  }

  #durable(life: StoreLife, { writes = [] }: StoreBatch): void {
    this.#life = life;
    const entries = writes.reduce((sum, write) => sum + write.entries.length, 0);
    this.#ports.metrics?.batch(entries, this.#ports.clock.monotonic() - this.#syncBegan);
    this.#pumpSoon();
  }

  #measure(): void {
    const { metrics } = this.#ports;
    if (metrics === undefined) return;
    for (const [name, depth] of Object.entries(this.callers.depths()))
      metrics.queue(name as 'appends' | 'forwarded' | 'reads', depth);
    metrics.queue('unsynced', this.loop.commit.waiting);
    metrics.ballot(this.loop.replica.promised.round);
  }

  /** The core's loop has ended. A sure "not done" of the store: start again from what is durable. Otherwise stop. */
  #failed(error: unknown): void {
    if (!isSureRefusal(error)) return this.#stop(error instanceof Error ? error : new Error(messageOf(error)));
    if (this.#fullUntilTick === null) this.event({ type: 'full' });
    this.#fullUntilTick = this.#ticks + Math.ceil(this.#settings.fullRetryMs / this.#settings.tickMs);
    this.#restart(() => Promise.resolve());
  }

  /** A new life of the core, from what is durable after `prepare`. */
  #restart(prepare: (loaded: Loaded) => Promise<unknown>): void {
    if (this.#restarting !== null || this.#stopped !== null) return;
    this.#loop?.stop();
    const { store } = this.#ports;
    const restart = async () => {
      await prepare(await store.load());
      const loaded = await store.load();
      this.#loaded = loaded;
      this.#life = loaded.life;
      this.#loop = this.#newLoop(loaded);
    };
    this.#restarting = restart()
      .catch((error: unknown) => {
        this.#stop(error instanceof Error ? error : new Error(messageOf(error)));
      })
      .then(() => {
        this.#restarting = null;
        this.#leader = null;
        if (this.#isServing) this.callers.leaderChanged();
      });
  }

  #stop(error: Error): void {
    if (this.#stopped !== null) return;
    this.#stopped = error;
    this.#cancelTick();
    this.#loop?.stop();
    const reason =
      error instanceof SnapcommitError
        ? error
        : new SnapcommitError('LOG_LATCHED', `this node stopped: ${error.message}`, {}, error);
    this.callers.end(reason);
    this.event({ type: 'stopped', error });
  }

  #forgetfulThrough(): number {
    const abstains = this.#loop === null ? this.#loaded.head.abstains : this.#loop.replica.abstains;
    return abstains?.kind === 'forgetful' ? abstains.configuration : 0;
  }

  #forget(through: number, peer: string, verdict: LifeVerdict): void {
    if (this.#restarting !== null || this.#stopped !== null) return;
    this.event({ type: 'forgetful', message: forgetfulReason(this.#ports.store.file, peer, verdict) });
    this.#restart((loaded) => this.#ports.store.persist({ writes: [forgetfulWrite(loaded, through)] }));
  }

  async #install(checked: CheckedCheckpoint): Promise<void> {
    const { configuration } = checked;
    if (configuration.after > checked.slot)
      throw new SnapcommitError(
        'EXPECTATION_FAILED',
        `the checkpoint of slot ${String(checked.slot)} came with configuration ${String(configuration.id)}, which began later; another is asked for`,
      );
    if (this.#loop !== null) return this.#loop.install(checked);
    this.#restart((loaded) => this.#ports.store.persist(rescueBatch(loaded, checked, this.#settings.limits)));
    await this.#restarting;
  }

  /** Asks one member after the other for the checkpoint that we lost. */
  #rescue(now: number): void {
    this.#fetch.tick();
    const { voters, learners } = this.configuration;
    const peers = [...voters, ...learners].filter((node) => node !== this.self);
    const peer = peers[now % Math.max(1, peers.length)];
    if (peer !== undefined && !this.#fetch.isFetching) this.#fetch.begin(peer);
  }

  #tellDamage({ damaged, checkpoint }: Loaded): void {
    const parts = [
      ...(checkpoint.kind === 'damaged' ? [`the checkpoint of slot ${String(checkpoint.slot)}`] : []),
      ...(damaged.length > 0 ? [`slots ${damaged.join(', ')}`] : []),
    ];
    const message = `the log is damaged: ${parts.join(' and ')} of ${this.#ports.store.file} cannot be read. This node does not vote until its peers have healed it`;
    this.event({ type: 'damaged', slots: damaged, message });
  }

  #sendCore({ to, configuration, message }: Envelope): void {
    this.#send(to, { type: 'core', configuration, message });
  }

  #send(to: string, message: WireMessage): void {
    this.#ports.send(to, encodeWire(message));
  }

  /** At the end of this turn, so that what comes together goes together. */
  #pumpSoon(): void {
    if (this.#soon) return;
    this.#soon = true;
    queueMicrotask(() => {
      this.#soon = false;
      if (this.#isServing) this.callers.pump();
    });
  }

  #access(): ReplicaAccess {
    const node = this;
    return {
      node: this.self,
      nonce: this.#life.nonce,
      firstNumber: this.#firstNumber,
      get leads() {
        return node.#isServing && node.loop.leads;
      },
      get leader() {
        return node.leader;
      },
      get applied() {
        return slot(node.#loop?.machine.state.applied ?? 0);
      },
      get configuration() {
        return node.configuration;
      },
      get full() {
        return node.isFull ? `the disk of ${node.#ports.store.file} is full; make room on it` : null;
      },
      get isSyncing() {
        return node.loop.commit.isSyncing;
      },
      send: (to, message) => {
        this.#send(to, message);
      },
      input: (input) => {
        this.loop.input(input);
      },
      propose: (entries) => this.loop.propose(entries),
      soon: () => {
        this.#pumpSoon();
      },
    };
  }
}

function forgetfulReason(file: string, peer: string, verdict: LifeVerdict): string {
  const what = {
    wiped: 'knows this node by another store, which is gone',
    rolledBack: 'has seen this store further on than it is now, so it was set back',
    cloned: 'has seen another copy of this store',
    known: '',
    new: '',
  }[verdict];
  return `${peer} ${what} (${file}). This node only learns from here on; to let it vote again, remove it from the cluster and add it anew`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
