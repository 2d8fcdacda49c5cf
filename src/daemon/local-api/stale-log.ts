/**
 * The log for a command that would rather have an old answer than none (--stale): as long as a majority can be asked it is
 * the log itself. Once that fails, everything is answered from what this node has applied, as of one slot, and nothing is
 * appended.
 */
import { SnapcommitError } from '../../errors.js';
import type { Operation, Slot } from '../../machine/entry.js';
import type { GenerationRecord, State } from '../../machine/state.js';
import type { AppendResult, LogIdentity, LogStatus, ReplicatedLog, RequestKey } from '../../ports/log.js';
import type { RemoteLog } from './remote-log.js';

/** How long a majority is asked before what is here has to do: longer than an election takes. */
const FRESH_WAIT_MS = 2000;

export type StaleSource = Pick<
  RemoteLog,
  Exclude<keyof ReplicatedLog, 'staleSlot'> | 'readStale' | 'staleGeneration' | 'staleGenerations'
>;

export class StaleLog implements ReplicatedLog {
  readonly identity: LogIdentity;
  readonly #log: StaleSource;
  #stale: State | null = null;

  constructor(log: StaleSource) {
    this.#log = log;
    this.identity = log.identity;
  }

  get staleSlot(): Slot | null {
    return this.#stale?.applied ?? null;
  }

  async read(): Promise<State> {
    if (this.#stale !== null) return this.#stale;
    try {
      return await this.#log.read(FRESH_WAIT_MS);
    } catch (error) {
      if (!cannotAsk(error)) throw error;
      // Another read may have come to the same end meanwhile: there is one answer for all.
      const found = await this.#log.readStale();
      this.#stale ??= found;
      return this.#stale;
    }
  }

  async append(operation: Operation, request: RequestKey | null = null): Promise<AppendResult> {
    if (this.#stale === null) return this.#log.append(operation, request);
    throw new SnapcommitError(
      'UNAVAILABLE',
      'this node cannot reach a majority, so nothing can be written to the log.',
    );
  }

  async generation(group: string, generation: number): Promise<GenerationRecord | undefined> {
    return (await this.#isStale())
      ? this.#log.staleGeneration(group, generation)
      : this.#log.generation(group, generation);
  }

  async generations(group: string): Promise<readonly GenerationRecord[]> {
    return (await this.#isStale()) ? this.#log.staleGenerations(group) : this.#log.generations(group);
  }

  async #isStale(): Promise<boolean> {
    await this.read();
    return this.#stale !== null;
  }

  async status(): Promise<LogStatus> {
    return this.#log.status();
  }

  async checkpoint(): Promise<void> {
    return this.#log.checkpoint();
  }

  async scrub(): Promise<number> {
    return this.#log.scrub();
  }

  close(): void {
    this.#log.close();
  }
}

/** A majority, whatever the reason. */
function cannotAsk(error: unknown): boolean {
  return error instanceof SnapcommitError && (error.code === 'UNAVAILABLE' || error.code === 'CLOCK_SKEW');
}
