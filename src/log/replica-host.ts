/** A replica of the log in the daemon, as coordinator, participant and the cluster's commands see it. */
import { SnapcommitError } from '../errors.js';
import type { AppendKey, Operation } from '../machine/entry.js';
import { isLive } from '../machine/queries.js';
import { lookup } from '../machine/record.js';
import { countRuns, hasNumber } from '../machine/runs.js';
import type { GenerationRecord, State } from '../machine/state.js';
import type { Configuration } from '../paxos/configuration.js';
import { slot } from '../paxos/contiguous-log.js';
import type { ClusterLog, MemberChange, ReplicaStatus } from '../ports/cluster-log.js';
import type { AppendResult, LogIdentity, LogStatus, ReplicatedLog, RequestKey } from '../ports/log.js';
import { decodeGeneration } from './codec.js';
import { DEFAULT_SETTINGS, type HostSettings, type ReplicaHostPorts } from './host-settings.js';
import { stoppedServing } from './replica-errors.js';
import type { StateMachine } from './state-machine.js';
import { ReplicaNode } from './replica-node.js';
import { describeReplica } from './replica-status.js';

/** How often the archive is asked while checkpoints of peers come in. */
const BESIDE_TRIES = 3;

/** Opens the log over a store that only this process has open. The store is the host's from here on; `end` closes it. */
export async function openReplica(ports: ReplicaHostPorts, settings: Partial<HostSettings> = {}): Promise<ReplicaHost> {
  const loaded = await ports.store.load();
  const { cluster, node, incarnation } = loaded.identity;
  const replica = new ReplicaNode(loaded, ports, { ...DEFAULT_SETTINGS, ...settings });
  return new ReplicaHost(replica, ports, { cluster, node, incarnation });
}

export class ReplicaHost implements ReplicatedLog, ClusterLog {
  readonly identity: LogIdentity;
  readonly #replica: ReplicaNode;
  readonly #ports: ReplicaHostPorts;

  constructor(replica: ReplicaNode, ports: ReplicaHostPorts, identity: LogIdentity) {
    this.identity = identity;
    this.#replica = replica;
    this.#ports = ports;
  }

  /** That peer is connected from now on. */
  met(peer: string): void {
    this.#replica.greetings.met(peer);
  }

  /** A message of a member, from the transport. */
  receive(from: string, bytes: Uint8Array): void {
    this.#replica.receive(from, bytes);
  }

  /**
   * `key`: the name under which the same append may be asked for again. `encoded`: the entry of all this, as its sender
   * has encoded it; it is taken as it is.
   */
  async append(
    operation: Operation,
    request: RequestKey | null = null,
    key: AppendKey | null = null,
    encoded: Uint8Array | null = null,
  ): Promise<AppendResult> {
    this.#assertServing();
    return this.#replica.callers.append({ operation, request, key, encoded: key === null ? null : encoded });
  }

  async read(): Promise<State> {
    this.#assertServing();
    await this.#replica.callers.barrier();
    return this.staleState();
  }

  /**
   * As of the last slot applied here, which may be behind: for those who ask for it explicitly.
   * @throws UNAVAILABLE without a core.
   */
  staleState(): State {
    return this.#replica.core.loop.machine.state;
  }

  async generation(group: string, generation: number): Promise<GenerationRecord | undefined> {
    await this.read();
    return this.staleGeneration(group, generation);
  }

  /** As `generation`, in `staleState`. */
  staleGeneration(group: string, generation: number): Promise<GenerationRecord | undefined> {
    return this.#besideState(async (machine) => {
      if (!isLive(machine.state, group, generation)) return undefined;
      const bytes = machine.pendingArchive(group, generation) ?? (await this.#ports.store.archived(group, generation));
      if (bytes !== undefined) return decodeGeneration(bytes);
      // It may have been retired while the store was asked.
      if (!isLive(machine.state, group, generation)) return undefined;
      throw this.#lost(`the record of ${group}@${String(generation)} is missing`);
    });
  }

  async generations(group: string): Promise<readonly GenerationRecord[]> {
    await this.read();
    return this.staleGenerations(group);
  }

  /** As `generations`, in `staleState`. */
  staleGenerations(group: string): Promise<readonly GenerationRecord[]> {
    return this.#besideState(async (machine) => {
      const records = new Map((await this.#ports.store.archivedOf(group)).map((row) => [row.generation, row.bytes]));
      for (const [generation, bytes] of machine.pendingOf(group)) {
        if (bytes === null) records.delete(generation);
        else records.set(generation, bytes);
      }
      const live = lookup(machine.state.groups, group)?.live ?? [];
      const found = [...records].filter(([generation]) => hasNumber(live, generation)).sort(([a], [b]) => a - b);
      if (found.length !== countRuns(live))
        throw this.#lost(
          `${group} has ${String(countRuns(live))} generations and ${String(found.length)} records of them`,
        );
      return found.map(([, bytes]) => decodeGeneration(bytes));
    });
  }

  /**
   * What the store has beside the state. A peer's checkpoint is in the state before it is in the store: until then the two
   * are of different moments, and what seems to be lost is asked for once more behind it.
   */
  async #besideState<T>(ask: (machine: StateMachine) => Promise<T>): Promise<T> {
    const { core } = this.#replica;
    for (let triesLeft = BESIDE_TRIES; ; triesLeft -= 1) {
      const { machine, commit } = core.loop;
      const isLast = triesLeft === 1;
      try {
        if (!commit.isInstalling || isLast) {
          const found = await ask(machine);
          if (isLast || core.loop.machine === machine) return found;
        }
      } catch (error) {
        if (isLast || !(error instanceof SnapcommitError) || error.code !== 'LOG_CORRUPT') throw error;
      }
      await core.loop.commit.durable();
      await core.ended();
    }
  }

  async status(): Promise<LogStatus> {
    const { decidedSlot, checkpointSlot } = this.replicaStatus();
    return { engine: 'paxos', lastSlot: decidedSlot, checkpointSlot };
  }

  async checkpoint(): Promise<void> {
    this.#assertServing();
    await this.#replica.core.loop.checkpoint();
  }

  async scrub(): Promise<number> {
    const { rows } = await this.#replica.core.scrub();
    const { groups } = await this.read();
    for (const group of Object.keys(groups)) await this.generations(group);
    return rows;
  }

  /** Known also without a core. */
  get configuration(): Configuration {
    return this.#replica.core.configuration;
  }

  /** As `staleState`; null without a core. */
  get stateIfAny(): State | null {
    return this.hasCore ? this.staleState() : null;
  }

  /** Whether there is a core to ask: not while the checkpoint cannot be read and a peer's is being fetched. */
  get hasCore(): boolean {
    return this.#replica.core.hasLoop;
  }

  /** @throws UNAVAILABLE without a core. */
  replicaStatus(): ReplicaStatus {
    const { isProven, isFull, isFetching } = this.#replica;
    const { loop, leader } = this.#replica.core;
    return describeReplica(loop.replica, {
      leader: leader?.node ?? null,
      appliedSlot: slot(loop.machine.state.applied),
      checkpointSlot: loop.checkpointSlot,
      isProven,
      isFull,
      diskStalls: loop.diskStalls,
      isFetching,
    });
  }

  async reconfigure(change: MemberChange): Promise<Configuration> {
    this.#assertServing();
    return this.#replica.callers.reconfigure(change);
  }

  transferLeadership(): void {
    this.#assertServing();
    this.#replica.callers.transferLeadership();
  }

  close(): void {
    void this.end();
  }

  /** Writes what waits, answers what is open, and closes the store. */
  end(): Promise<void> {
    return this.#replica.end(new SnapcommitError('UNAVAILABLE', `the log ${this.#ports.store.file} is closed`));
  }

  #assertServing(): void {
    const { stopped } = this.#replica.core;
    if (stopped === null) return;
    // What was proposed when it stopped was told its own outcome; of anything later nothing was begun.
    const isPlain = stopped instanceof SnapcommitError && stopped.code !== 'OUTCOME_UNKNOWN';
    throw isPlain ? stopped : stoppedServing(this.#ports.store.file, stopped);
  }

  #lost(what: string): SnapcommitError {
    const { file } = this.#ports.store;
    return new SnapcommitError('LOG_CORRUPT', `the log is damaged: ${file}: ${what}. Nothing was changed`, {
      file,
      what,
    });
  }
}
