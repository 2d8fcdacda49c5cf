/**
 * A replica among its peers: greets them before it votes, ticks, hands messages in and out, and joins the core
 * (core-lives.ts) with those who wait for its answers (callers.ts).
 */
import { SnapcommitError, unreachable } from '../errors.js';
import { nodeId, sameBallot, type Ballot, type NodeId } from '../paxos/ballot.js';
import type { Loaded, StoreBatch } from '../ports/replica-store.js';
import { Acquaintances } from './acquaintances.js';
import { accessTo, Callers } from './callers.js';
import { atMost } from './at-most.js';
import { CheckpointFetch } from './checkpoint-fetch.js';
import { CheckpointSource } from './checkpoint-source.js';
import { CoreLives, type CoreLivesUser } from './core-lives.js';
import type { OuterEffect } from './core-loop.js';
import { FullDisk } from './full-disk.js';
import { Greetings } from './greetings.js';
import type { HostSettings, ReplicaHostPorts } from './host-settings.js';
import { firstNumber } from './numbering.js';
import { HeldDecides } from './held-decides.js';
import { Rescue } from './rescue.js';
import { Scrubbing } from './scrubbing.js';
import { oncePerTurn } from './once-per-turn.js';
import { mayReachCore, wordFor } from './message-gate.js';
import { measure } from './replica-status.js';
import { forgetfulReason, messageOf, stoppedServing } from './replica-errors.js';
import { coreSender, decodeWire, encodeWire } from './wire.js';
import type { WireMessage } from './wire-message.js';

const SETTLE_TICKS = 20;
const SERVED_ALWAYS: ReadonlySet<WireMessage['type']> = new Set(['greeting', 'lives', 'verdict', 'chunk', 'gone']);

export class ReplicaNode {
  readonly self: NodeId;
  readonly core: CoreLives;
  readonly callers: Callers;
  readonly #ports: ReplicaHostPorts;
  readonly #settings: HostSettings;
  readonly #known: Acquaintances;
  readonly greetings: Greetings;
  readonly #source: CheckpointSource;
  readonly #fetch: CheckpointFetch;
  readonly #rescue: Rescue;
  readonly #scrubbing: Scrubbing;
  readonly #decides: HeldDecides;
  #ticks = 0;
  #cancelTick: () => void = () => undefined;
  /** At the end of this turn, so that what comes together goes together. */
  readonly #pumpSoon = oncePerTurn(() => {
    if (this.core.isServing) this.callers.pump();
  });
  #leader: Ballot | null = null;
  readonly #full: FullDisk;
  #syncBegan = 0;

  constructor(loaded: Loaded, ports: ReplicaHostPorts, settings: HostSettings) {
    this.self = nodeId(loaded.identity.node);
    this.#ports = ports;
    this.#settings = settings;
    this.#full = new FullDisk(ports.store.file, Math.ceil(settings.fullRetryMs / settings.tickMs));
    const sendCore = coreSender(ports.send, (message) => wordFor(message, this.core.life));
    this.#decides = new HeldDecides(ports.timers, sendCore);
    this.#known = new Acquaintances(this.self, loaded.remembered);
    this.core = new CoreLives(loaded, ports, settings, this.#coreUser());
    const { core } = this;
    const numbers = firstNumber(loaded.life.nonce);
    this.callers = new Callers(
      accessTo(core, {
        node: this.self,
        nonce: loaded.life.nonce,
        firstNumber: numbers,
        send: this.#send,
        full: () => this.#full.refusal,
        diskTrouble: (waitedMs) => this.#full.trouble(core.hasLoop && core.loop.diskStalls, waitedMs),
        soon: this.#pumpSoon,
      }),
      ports,
      settings,
    );
    this.greetings = new Greetings(this.self, this.#known, {
      send: this.#send,
      configuration: () => core.configuration,
      life: () => core.life,
      forgetfulThrough: () => core.forgetfulThrough,
      forget: (through, peer, verdict) => {
        ports.onEvent?.({ type: 'forgetful', message: forgetfulReason(ports.store.file, peer, verdict) });
        core.forget(through);
      },
    });
    this.#source = new CheckpointSource(ports.store, this.#send, () => core.loop.checkpoint());
    const failed = (from: string, error: unknown) => {
      ports.onEvent?.({ type: 'transferFailed', from, message: messageOf(error) });
    };
    this.#fetch = new CheckpointFetch(
      ports.store,
      { send: this.#send, install: (checked) => core.install(checked), failed },
      numbers,
    );
    this.#rescue = new Rescue(core, this.#fetch);
    this.#scrubbing = new Scrubbing(ports, settings.scrubEveryMs, (rest) => core.scrub(rest));
    this.greetings.greetAll();
    this.#nextTick();
  }

  get isProven(): boolean {
    return this.greetings.isProven;
  }

  get isFull(): boolean {
    return this.#full.isFull;
  }

  get isFetching(): boolean {
    return this.#fetch.isFetching;
  }

  /** Bytes from a member. What cannot be read is dropped and counted. */
  receive(from: string, bytes: Uint8Array): void {
    if (this.core.stopped !== null) return;
    let message: WireMessage;
    try {
      message = decodeWire(bytes);
    } catch (error) {
      this.#ports.metrics?.messageRefused(from, messageOf(error));
      return;
    }
    if (this.core.isServing || SERVED_ALWAYS.has(message.type)) this.#handle(nodeId(from), message);
  }

  /** Serves nothing from here on. What waits is answered with this. A disk that hangs is waited for only so long. */
  async end(error: SnapcommitError): Promise<void> {
    const { timers } = this.#ports;
    const { endTimeoutMs } = this.#settings;
    await atMost(timers, endTimeoutMs, this.core.settle());
    this.core.stop(error);
    await atMost(timers, endTimeoutMs, this.#letGo());
  }

  async #letGo(): Promise<void> {
    await this.core.ended();
    await this.#source.close();
    await this.#fetch.close();
    await this.#ports.store.close();
  }

  readonly #send = (to: string, message: WireMessage): void => {
    this.#ports.send(to, encodeWire(message));
  };

  #handle(from: NodeId, message: WireMessage): void {
    switch (message.type) {
      case 'core':
        return this.#receiveCore(from, message);
      case 'greeting':
        return this.greetings.greeted(from, message);
      case 'verdict':
        return this.greetings.judged(from, message);
      case 'lives':
        return this.greetings.heard(from, message.lives);
      case 'pull':
        return void this.#source.pulled(from, message.transfer, message.index);
      case 'chunk':
        return void this.#fetch.chunk(from, message);
      case 'gone':
        return this.#fetch.gone(from, message.transfer);
      case 'forward':
      case 'readIndex':
        this.#decides.asked(from);
        return this.callers.handle(from, message);
      case 'refused':
      case 'readAt':
      case 'reconfigure':
      case 'reconfigureRefused':
      case 'transfer':
        return this.callers.handle(from, message);
      default:
        unreachable(message);
    }
  }

  #receiveCore(from: NodeId, { configuration, message, word }: Extract<WireMessage, { readonly type: 'core' }>): void {
    if (word !== null && !this.#known.takesWordOf(from, word, configuration)) return;
    const { isProven, isFull, core } = this;
    const condition = { isProven, isFull, diskStalls: core.loop.diskStalls };
    if (!mayReachCore(message, configuration - core.configuration.id, condition)) return;
    core.loop.input({ kind: 'receive', from, configuration, message });
  }

  #nextTick(): void {
    this.#cancelTick = this.#ports.timers.after(this.#settings.tickMs, () => {
      this.#ticks += 1;
      this.#tick();
      if (this.core.stopped === null) this.#nextTick();
    });
  }

  #tick(): void {
    const now = this.#ticks;
    const { core } = this;
    this.#decides.tick(now);
    this.#source.tick();
    this.greetings.tick(now);
    this.#fetch.tick();
    this.#rescue.tick(now);
    if (!core.isServing) return;
    if (this.#full.tick(now)) this.#ports.onEvent?.({ type: 'room' });
    this.callers.tick(now);
    if (now % SETTLE_TICKS === 0) core.loop.settle();
    core.loop.tick(this.greetings.isProven);
    if (this.#ports.metrics !== undefined) measure(this.#ports.metrics, this.callers.depths(), core.loop);
    this.#pumpSoon();
  }

  #coreUser(): CoreLivesUser {
    const { metrics, onApplied } = this.#ports;
    return {
      send: (envelope) => {
        this.#decides.pass(envelope);
      },
      applied: (applied) => {
        this.callers.applied(applied);
        metrics?.slotsChosen(1);
        onApplied?.(applied, this.core.loop.machine.state);
      },
      moved: () => {
        this.callers.moved();
      },
      perform: (effect) => {
        this.#perform(effect);
      },
      diskStalls: (stalls) => {
        this.#ports.onEvent?.({ type: stalls ? 'diskStalls' : 'diskReturned' });
      },
      stepped: () => {
        this.#stepped();
      },
      alongside: () => this.#alongside(),
      durable: (_, { writes = [] }) => {
        const entries = writes.reduce((sum, write) => sum + write.entries.length, 0);
        this.#full.took(entries);
        metrics?.batch(entries, this.#ports.clock.monotonic() - this.#syncBegan);
        this.#pumpSoon();
      },
      begun: () => {
        this.#leader = null;
        this.callers.leaderChanged();
      },
      full: () => {
        if (this.#full.found(this.#ticks)) this.#ports.onEvent?.({ type: 'full' });
        this.callers.refuseWhileFull();
      },
      stopped: (error) => {
        this.#cancelTick();
        this.#scrubbing.stop();
        this.callers.end(error instanceof SnapcommitError ? error : stoppedServing(this.#ports.store.file, error));
        this.#ports.onEvent?.({ type: 'stopped', error });
      },
    };
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
        this.#ports.onEvent?.({ type: 'configured', configuration: effect.configuration });
        this.greetings.greetAll();
        return this.callers.configured();
      case 'retired':
        return this.#ports.onEvent?.({ type: 'retired' });
      case 'healed':
        return this.#ports.onEvent?.({ type: 'healed' });
      case 'checkpointNeeded':
        return this.#fetch.begin(effect.from);
      default:
        unreachable(effect);
    }
  }

  #stepped(): void {
    const { leader } = this.core.loop;
    const same = leader === null || this.#leader === null ? leader === this.#leader : sameBallot(leader, this.#leader);
    if (!same) {
      this.#leader = leader;
      this.#ports.metrics?.leaderChanged(leader?.node ?? null);
      this.callers.leaderChanged();
    }
    this.#pumpSoon();
  }

  #alongside(): StoreBatch {
    this.#syncBegan = this.#ports.clock.monotonic();
    this.#pumpSoon(); // The disk takes what waited for it: gathering.ts.
    const remembered = this.#known.takeChanged();
    return remembered === undefined ? {} : { remembered };
  }
}
