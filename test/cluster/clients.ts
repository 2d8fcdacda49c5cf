/**
 * Concurrent clients of a cluster, and the history of what they saw. Each group's record stands for a register: writing
 * is `updateGroup`, reading is a linearizable read of the state, so what is checked is the log, the state machine, the
 * daemons and the remote client together. A second kind of object is whether a group exists: making and removing it are
 * compare-and-sets.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '#src/adapters/clock-system.js';
import { SnapcommitError } from '#src/errors.js';
import { openRemoteLog, type RemoteLog } from '#src/daemon/local-api/remote-log.js';
import type { GroupRecord, Operation } from '#src/machine/entry.js';
import type { State } from '#src/machine/state.js';
import type { LogIdentity } from '#src/ports/log.js';
import type { HistoryEvent } from '../support/linearizability/history.js';
import type { KeyedCall, RegisterAnswer } from '../support/linearizability/models.js';

export type ClusterEvent = HistoryEvent<KeyedCall, RegisterAnswer>;

/** How long one operation may take: a client behind a partition gives up and goes on. */
const OPERATION_MS = 4_000;
export const VOLUME = {
  name: 'v',
  node: 'n0',
  driver: 'directory',
  source: '/soak/live',
  publishDirectory: '/soak/published',
  filesystem: 'soak',
} as const;

export function groupRecord(name: string, value: number): GroupRecord {
  return {
    name,
    volumes: [VOLUME.name],
    freezeCgroups: [],
    freezeUnits: [],
    stopUnits: [],
    require: null,
    stallLimitMs: value,
    preHooks: [],
    postHooks: [],
  };
}

/** The newest value written: nobody writes one twice. */
let written = 0;

export class Client {
  readonly #name: string;
  readonly #member: { readonly stateDirectory: string };
  readonly #identity: LogIdentity;
  readonly #history: ClusterEvent[];
  readonly #below: (bound: number) => number;
  #log: RemoteLog | null = null;

  constructor(
    name: string,
    member: { readonly stateDirectory: string },
    identity: LogIdentity,
    history: ClusterEvent[],
    below: (bound: number) => number,
  ) {
    this.#name = name;
    this.#member = member;
    this.#identity = identity;
    this.#history = history;
    this.#below = below;
  }

  /** One operation after another, until told to stop. */
  async run(registers: readonly string[], flags: readonly string[], signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const call = this.#choose(registers, flags);
      await this.#perform(call);
      await sleep(this.#below(20));
    }
    this.#log?.close();
  }

  #choose(registers: readonly string[], flags: readonly string[]): KeyedCall {
    const register = registers[this.#below(registers.length)] ?? '';
    const flag = flags[this.#below(flags.length)] ?? '';
    switch (this.#below(6)) {
      case 0:
      case 1:
        written += 1;
        return { key: register, kind: 'write', value: written };
      case 2:
        return { key: flag, kind: 'compareAndSet', expected: 0, value: 1 };
      case 3:
        return { key: flag, kind: 'compareAndSet', expected: 1, value: 0 };
      case 4:
        return { key: flag, kind: 'read' };
      default:
        return { key: register, kind: 'read' };
    }
  }

  async #perform(call: KeyedCall): Promise<void> {
    const process = this.#name;
    this.#history.push({ kind: 'invoke', process, call });
    this.#history.push({ process, ...(await this.#outcome(call)) });
  }

  async #outcome(call: KeyedCall): Promise<Outcome> {
    try {
      const log = (this.#log ??= await this.#open());
      if (call.kind === 'read') return { kind: 'ok', answer: valueOf(await log.read(), call.key) };
      const result = await log.append(operationOf(call));
      if (result.status !== 'chosen') return { kind: result.status === 'notDone' ? 'fail' : 'unknown' };
      if (result.outcome.ok) return { kind: 'ok', answer: true };
      const lostTheRace = ['EXISTS', 'GROUP_NOT_FOUND'].includes(result.outcome.code);
      // Refused otherwise, such as for being too late to be told from a repeat: an earlier attempt may have been done.
      return lostTheRace && call.kind === 'compareAndSet' ? { kind: 'ok', answer: false } : { kind: 'unknown' };
    } catch (error) {
      // What the log refuses, it refuses before anything is proposed (ports/log.ts).
      if (error instanceof SnapcommitError && error.code !== 'OUTCOME_UNKNOWN') return { kind: 'fail' };
      throw error;
    }
  }

  async #open(): Promise<RemoteLog> {
    const { stateDirectory } = this.#member;
    return openRemoteLog({
      stateDirectory,
      identity: this.#identity,
      clock: systemClock,
      timeoutMs: OPERATION_MS,
      endsAtMs: null,
    });
  }
}

type Outcome =
  { readonly kind: 'ok'; readonly answer: RegisterAnswer } | { readonly kind: 'fail' } | { readonly kind: 'unknown' };

function operationOf(call: KeyedCall): Operation {
  if (call.kind === 'write') return { type: 'updateGroup', group: groupRecord(call.key, call.value), replaces: null };
  return call.kind === 'compareAndSet' && call.expected === 0
    ? { type: 'createGroup', group: groupRecord(call.key, 1) }
    : { type: 'removeGroup', group: call.key, generations: [] };
}

/** Of a register its value; of a flag whether it is set. */
function valueOf(state: State, key: string): number {
  const group = state.groups[key];
  if (key.startsWith('flag')) return group === undefined ? 0 : 1;
  return group?.record.stallLimitMs ?? 0;
}
