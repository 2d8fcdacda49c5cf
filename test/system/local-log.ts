/**
 * The log as a command on a machine has it: through that machine's daemon, asked again until the time for it is up, as
 * daemon/local-api/remote-log.ts does it over a socket.
 */
import { SnapcommitError } from '#src/errors.js';
import type { ReplicaHost } from '#src/log/replica-host.js';
import type { AppendKey, Operation, Slot } from '#src/machine/entry.js';
import type { GenerationRecord, State } from '#src/machine/state.js';
import type { AppendResult, LogIdentity, LogStatus, ReplicatedLog, RequestKey } from '#src/ports/log.js';
import type { SimProcess } from './sim-process.js';

/** The daemon ended, or did not answer in time: it may have done what it was asked for. */
export class DaemonLost extends Error {
  readonly maybeDone: boolean;

  constructor(message: string, maybeDone: boolean) {
    super(message);
    this.maybeDone = maybeDone;
  }
}

/** The daemon of the machine that a command runs on. */
export interface LocalDaemon {
  readonly identity: LogIdentity;
  /** Has the daemon do something for `process`. @throws DaemonLost */
  ask<T>(process: SimProcess, what: string, untilMs: number, work: (host: ReplicaHost) => Promise<T>): Promise<T>;
}

export interface LocalLogUser {
  readonly process: SimProcess;
  readonly daemon: LocalDaemon;
  readonly timeoutMs: number;
  /** Simulated ms. */
  now(): number;
}

const PAUSE_MS = 50;

export class LocalLog implements ReplicatedLog {
  readonly identity: LogIdentity;
  readonly #user: LocalLogUser;
  #sequence = 0;
  #applied: Slot | null = null;

  constructor(user: LocalLogUser) {
    this.#user = user;
    this.identity = user.daemon.identity;
  }

  async append(operation: Operation, request: RequestKey | null = null): Promise<AppendResult> {
    const { name, identity } = this.#user.process;
    const sequence = (this.#sequence += 1);
    if (this.#applied === null) await this.read();
    const client = `${identity.node}-${name}-${String(identity.pid)}`;
    const key = { client, sequence, since: this.#applied ?? (0 as Slot) };
    return this.#appendUntilKnown(operation, request, key);
  }

  async #appendUntilKnown(operation: Operation, request: RequestKey | null, key: AppendKey): Promise<AppendResult> {
    const until = this.#until();
    let doubt: string | null = null;
    for (;;) {
      const attempt = await this.#tryAppend(operation, request, key, until);
      if (attempt.status === 'chosen') return attempt;
      if (attempt.status === 'unknown') doubt ??= attempt.reason;
      if (this.#user.now() < until) await this.#user.process.sleep(PAUSE_MS);
      else if (doubt !== null) return { status: 'unknown', reason: doubt };
      else return { status: 'notDone', reason: attempt.reason };
    }
  }

  async #tryAppend(
    operation: Operation,
    request: RequestKey | null,
    key: AppendKey,
    until: number,
  ): Promise<AppendResult> {
    try {
      return await this.#daemon('append', until, (host) => host.append(operation, request, key));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (error instanceof SnapcommitError && error.code !== 'UNAVAILABLE') throw error;
      const maybeDone = error instanceof DaemonLost ? error.maybeDone : !(error instanceof SnapcommitError);
      return { status: maybeDone ? 'unknown' : 'notDone', reason };
    }
  }

  async read(): Promise<State> {
    const state = await this.#ask('read', (host) => host.read());
    if (this.#applied === null || state.applied > this.#applied) this.#applied = state.applied;
    return state;
  }

  generation(group: string, generation: number): Promise<GenerationRecord | undefined> {
    return this.#ask('generation', (host) => host.generation(group, generation));
  }

  generations(group: string): Promise<readonly GenerationRecord[]> {
    return this.#ask('generations', (host) => host.generations(group));
  }

  status(): Promise<LogStatus> {
    return this.#ask('status', (host) => host.status());
  }

  checkpoint(): Promise<void> {
    return this.#ask('checkpoint', (host) => host.checkpoint());
  }

  scrub(): Promise<number> {
    return this.#ask('scrub', (host) => host.scrub());
  }

  close(): void {
    // Nothing is held.
  }

  /** What changes nothing may be asked as often as it takes. */
  async #ask<T>(what: string, work: (host: ReplicaHost) => Promise<T>): Promise<T> {
    const until = this.#until();
    for (;;) {
      try {
        return await this.#daemon(what, until, work);
      } catch (error) {
        const isLost =
          error instanceof DaemonLost || (error instanceof SnapcommitError && error.code === 'UNAVAILABLE');
        if (!isLost) throw error;
        if (this.#user.now() >= until) throw new SnapcommitError('UNAVAILABLE', `the daemon: ${error.message}`);
      }
      await this.#user.process.sleep(PAUSE_MS);
    }
  }

  #daemon<T>(what: string, until: number, work: (host: ReplicaHost) => Promise<T>): Promise<T> {
    const { process, daemon } = this.#user;
    return daemon.ask(process, `log.${what}`, until, work);
  }

  #until(): number {
    return this.#user.now() + this.#user.timeoutMs;
  }
}
