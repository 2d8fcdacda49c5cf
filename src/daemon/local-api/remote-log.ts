/**
 * The log of a cluster's member, through that member's daemon. Coordinator and participant cannot tell it from the
 * embedded one.
 *
 * Whatever is asked is asked again until the time for it is up. An append is repeated under one key, which the log
 * answers with what became of the first attempt; so a repeat never does it twice, and `unknown` is said only when time
 * is up and some attempt may still be chosen.
 */
import { randomUUID } from 'node:crypto';
import { SnapcommitError } from '../../errors.js';
import { decodeGeneration, decodeState, encodeEntry } from '../../log/codec.js';
import { APPENDS_KEPT_PER_CLIENT } from '../../machine/appends.js';
import type { Operation, Slot } from '../../machine/entry.js';
import type { GenerationRecord, State } from '../../machine/state.js';
import type { Clock } from '../../ports/clock.js';
import type { AppendResult, LogIdentity, LogStatus, ReplicatedLog, RequestKey } from '../../ports/log.js';
import { bytes, natural } from '../../wire/shape.js';
import type { ClusterAccess } from '../participants/asker.js';
import type { CallName } from '../participants/call-name.js';
import type { Call, PhaseTold } from '../participants/protocol.js';
import { ConnectionLost } from './connection.js';
import { DaemonClient, isUnavailable } from './daemon-client.js';
import { Deadline } from './deadline.js';
import { appendResult, blobs, logStatus, readAnswer, type Request } from './protocol.js';

export interface RemoteLogOptions {
  readonly stateDirectory: string;
  /** As the store says. */
  readonly identity: LogIdentity;
  readonly clock: Clock;
  /** How long one operation may take, tries included, ms. */
  readonly timeoutMs: number;
  /** When the whole command shall be over (--timeout), by the monotonic clock; null: never. */
  readonly endsAtMs: number | null;
}

/** What an operation still gets once the command's own time is up: to abort, to thaw, and to say so. */
const LEAST_TIMEOUT_MS = 1000;

/** @throws UNAVAILABLE when no daemon answers, DENIED, LOG_FOREIGN. */
export async function openRemoteLog(options: RemoteLogOptions): Promise<RemoteLog> {
  const log = new RemoteLog(options);
  await log.connect();
  return log;
}

export class RemoteLog implements ReplicatedLog, ClusterAccess {
  readonly identity: LogIdentity;
  readonly #options: RemoteLogOptions;
  readonly #daemon: DaemonClient;
  readonly #client = randomUUID();
  #sequence = 0;
  readonly #unanswered = new Set<number>();
  readonly #waiting: (() => void)[] = [];
  #newest: State | null = null;
  /** The newest slot that we know to be applied: what is appended from now on comes after it. */
  #applied: Slot | null = null;

  constructor(options: RemoteLogOptions) {
    this.#options = options;
    this.#daemon = new DaemonClient(options.stateDirectory, options.identity);
    this.identity = options.identity;
  }

  async connect(): Promise<void> {
    await this.#daemon.connected(this.#deadline());
  }

  /**
   * The log keeps so many answers a client: whatever is this far ahead of the oldest unanswered append could make a
   * repeat of that one unknown, so it waits.
   */
  async append(operation: Operation, request: RequestKey | null = null): Promise<AppendResult> {
    while (this.#sequence + 1 - this.#oldestUnanswered() >= APPENDS_KEPT_PER_CLIENT)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#sequence += 1;
    const sequence = this.#sequence;
    this.#unanswered.add(sequence);
    try {
      return await this.#append(sequence, operation, request);
    } finally {
      this.#unanswered.delete(sequence);
      for (const resume of this.#waiting.splice(0)) resume();
    }
  }

  #oldestUnanswered(): number {
    return Math.min(this.#sequence + 1, ...this.#unanswered);
  }

  async #append(sequence: number, operation: Operation, request: RequestKey | null): Promise<AppendResult> {
    // A slot that was applied before the first attempt, so that the log can tell a late repeat from a new entry.
    if (this.#applied === null) await this.read();
    const since = this.#applied ?? (0 as Slot);
    const append = { client: this.#client, sequence, since };
    // Encoded here, so that what cannot be an entry is refused here.
    const entry = encodeEntry({ at: Math.floor(this.#options.clock.now()), request, append, operation });
    return this.#appendUntilKnown({ type: 'append', entry });
  }

  async #appendUntilKnown(request: Request): Promise<AppendResult> {
    const deadline = this.#deadline();
    /** Why an earlier attempt may yet be chosen; null: none can be. */
    let doubt: string | null = null;
    for (;;) {
      const attempt = await this.#tryAppend(request, deadline);
      if (attempt.status === 'chosen') {
        this.#applied = later(this.#applied, attempt.slot);
        return attempt;
      }
      if (attempt.status === 'refused' && doubt === null) throw attempt.error;
      if (attempt.status === 'unknown') doubt ??= attempt.reason;
      if (await deadline.allowsAnother()) continue;
      if (doubt !== null) return { status: 'unknown', reason: doubt };
      return { status: 'notDone', reason: attempt.reason };
    }
  }

  async #tryAppend(request: Request, deadline: Deadline): Promise<Attempt> {
    let connection;
    try {
      connection = await this.#daemon.connected(deadline);
    } catch (error) {
      if (isUnavailable(error)) return { status: 'notDone', reason: error.message };
      // Of this attempt only: an earlier one may be chosen all the same.
      if (error instanceof SnapcommitError) return { status: 'refused', reason: error.message, error };
      throw error;
    }
    try {
      return appendResult(await deadline.within(connection.ask(request)), 'result');
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const isSurelyNot = isUnavailable(error) || (error instanceof ConnectionLost && !error.maybeDone);
      if (isSurelyNot) return { status: 'notDone', reason };
      if (error instanceof SnapcommitError) return { status: 'refused', reason, error };
      // Lost, late, or an answer that is none: it may have been done.
      return { status: 'unknown', reason };
    }
  }

  /** `timeoutMs`: where it is not to take as long as any other operation may. */
  async read(timeoutMs?: number): Promise<State> {
    const answer = this.#daemon.ask({ type: 'read', have: this.#newest?.applied ?? null }, this.#deadline(timeoutMs));
    return this.#stateIn(await answer);
  }

  /** What this node has applied, without asking a majority. */
  async readStale(): Promise<State> {
    return this.#stateIn(await this.#ask({ type: 'staleRead', have: this.#newest?.applied ?? null }));
  }

  #stateIn(answer: unknown): State {
    const have = this.#newest;
    const { slot, state } = readAnswer(answer, 'read');
    if (state !== null) return this.#remember(decodeState(state));
    if (have?.applied === slot) return have;
    throw new TypeError('the daemon left out a state that this command does not have');
  }

  /** Answers may come out of order: what was read once is never forgotten for something older. */
  #remember(state: State): State {
    if (this.#newest === null || state.applied > this.#newest.applied) this.#newest = state;
    this.#applied = later(this.#applied, state.applied);
    return this.#newest;
  }

  async generation(group: string, generation: number): Promise<GenerationRecord | undefined> {
    const value = await this.#ask({ type: 'generation', group, generation });
    return value === null ? undefined : decodeGeneration(bytes(value, 'generation'));
  }

  async generations(group: string): Promise<readonly GenerationRecord[]> {
    return blobs(await this.#ask({ type: 'generations', group }), 'generations').map(decodeGeneration);
  }

  async staleGeneration(group: string, generation: number): Promise<GenerationRecord | undefined> {
    const value = await this.#ask({ type: 'staleGeneration', group, generation });
    return value === null ? undefined : decodeGeneration(bytes(value, 'generation'));
  }

  async staleGenerations(group: string): Promise<readonly GenerationRecord[]> {
    return blobs(await this.#ask({ type: 'staleGenerations', group }), 'generations').map(decodeGeneration);
  }

  async status(): Promise<LogStatus> {
    return logStatus(await this.#ask({ type: 'status' }), 'status');
  }

  async checkpoint(): Promise<void> {
    await this.#ask({ type: 'checkpoint' });
  }

  async scrub(): Promise<number> {
    return natural(await this.#ask({ type: 'scrub' }), 'scrub');
  }

  /** As long as it takes; only without a daemon there is a limit. */
  async ask(node: string, name: CallName, call: Call): Promise<unknown> {
    return this.#daemon.askAtLength({ type: 'ask', node, name, call }, () => this.#deadline());
  }

  tellPhase(told: PhaseTold): void {
    this.#daemon.tell({ type: 'tellPhase', told });
  }

  close(): void {
    this.#daemon.close();
  }

  async #ask(request: Request): Promise<unknown> {
    return this.#daemon.ask(request, this.#deadline());
  }

  #deadline(timeoutMs = this.#options.timeoutMs): Deadline {
    const { clock, endsAtMs } = this.#options;
    const now = clock.monotonic();
    const usual = now + timeoutMs;
    return new Deadline(clock, endsAtMs === null ? usual : Math.min(usual, Math.max(endsAtMs, now + LEAST_TIMEOUT_MS)));
  }
}

/** `refused`: surely not done, and no repeat would help. */
type Attempt = AppendResult | { readonly status: 'refused'; readonly reason: string; readonly error: SnapcommitError };

function later(a: Slot | null, b: Slot): Slot {
  return a === null || b > a ? b : a;
}
