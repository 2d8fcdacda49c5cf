/**
 * The participants of other nodes, as a coordinator reaches them: through this machine's daemon, or inside of it. What a
 * node answers or refuses comes back as if it were here; a message names the node.
 */
import { randomUUID } from 'node:crypto';
import type { Recovery } from '../../coordinator/recovery.js';
import { SnapcommitError } from '../../errors.js';
import type { ManifestVolume } from '../../machine/entry.js';
import type {
  ClonedVolume,
  CutOutcome,
  Participant,
  Participants,
  RoundName,
  RoundReport,
  Survey,
  SurveyRequest,
  Work,
} from '../../ports/participant.js';
import type { Asker } from './asker.js';
import { CallNames } from './call-name.js';
import { answerShapes, type Answers, type Call, type PhaseReport, type Problem } from './protocol.js';

export class RemoteParticipants implements Participants {
  readonly #asker: Asker;
  readonly #known = new Map<string, CallNames>();

  constructor(asker: Asker) {
    this.#asker = asker;
  }

  /** Once `signal` is aborted nobody waits any more for what was asked; it ends by itself. */
  of(node: string, signal: AbortSignal | null = null): RemoteParticipant {
    const names = this.#known.get(node) ?? new CallNames(randomUUID());
    this.#known.set(node, names);
    return new RemoteParticipant(node, this.#asker, names, signal);
  }
}

export class RemoteParticipant implements Participant {
  readonly node: string;
  readonly #asker: Asker;
  readonly #names: CallNames;
  readonly #signal: AbortSignal | null;

  /** `names`: one for all who call that node in this process. */
  constructor(node: string, asker: Asker, names: CallNames, signal: AbortSignal | null) {
    this.node = node;
    this.#asker = asker;
    this.#names = names;
    this.#signal = signal;
  }

  async survey(request: SurveyRequest): Promise<Survey> {
    return this.#ask({ type: 'survey', request });
  }

  async quiesce(work: Work): Promise<void> {
    await this.#ask({ type: 'quiesce', work });
  }

  async prepare(round: RoundName): Promise<void> {
    await this.#ask({ type: 'prepare', round });
  }

  async freeze(round: RoundName): Promise<void> {
    await this.#ask({ type: 'freeze', round });
  }

  async stage(round: RoundName): Promise<void> {
    await this.#ask({ type: 'stage', round });
  }

  async thaw(round: RoundName): Promise<RoundReport> {
    return this.#ask({ type: 'thaw', round });
  }

  async endRound(round: RoundName): Promise<void> {
    await this.#ask({ type: 'endRound', round });
  }

  async resume(work: Work, outcome: CutOutcome): Promise<boolean> {
    return this.#ask({ type: 'resume', work, outcome });
  }

  async clone(work: Work): Promise<readonly ClonedVolume[]> {
    return this.#ask({ type: 'clone', work });
  }

  async seal(work: Work): Promise<readonly ManifestVolume[]> {
    return this.#ask({ type: 'seal', work });
  }

  async close(work: Work): Promise<void> {
    await this.#ask({ type: 'close', work });
  }

  async reopen(work: Work): Promise<boolean> {
    return this.#ask({ type: 'reopen', work });
  }

  async leave(work: Work): Promise<void> {
    await this.#ask({ type: 'leave', work });
  }

  async discard(work: Work, voidThrough: number | null): Promise<void> {
    await this.#ask({ type: 'discard', work, voidThrough });
  }

  async publish(group: string, generation: number): Promise<void> {
    await this.#ask({ type: 'publish', group, generation });
  }

  /** Of that node alone. */
  async recover(dryRun: boolean): Promise<Recovery> {
    return this.#ask({ type: 'recover', dryRun });
  }

  /** What is wrong with that node's volumes; `generation` null: of every live one. */
  async verify(group: string, generation: number | null): Promise<readonly Problem[]> {
    return this.#ask({ type: 'verify', group, generation });
  }

  /** How far the transactions are whose coordinator runs on that node. */
  async phases(): Promise<readonly PhaseReport[]> {
    return this.#ask({ type: 'phases' });
  }

  async #ask<K extends Call['type']>(call: Extract<Call, { readonly type: K }>): Promise<Answers[K]> {
    const name = this.#names.next();
    try {
      const value = await unlessAborted(this.#asker.ask(this.node, name, call), this.#signal, this.node, call.type);
      return answerShapes[call.type](value, 'answer');
    } finally {
      this.#names.over(name);
    }
  }
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | null, node: string, kind: string): Promise<T> {
  if (signal === null) return work;
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      reject(givenUp(signal.reason, node, kind));
    };
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    const over = (): void => {
      signal.removeEventListener('abort', abort);
    };
    work.finally(over).then(resolve, reject);
  });
}

function givenUp(reason: unknown, node: string, kind: string): SnapcommitError {
  if (reason instanceof SnapcommitError) return reason;
  return new SnapcommitError(
    'TIMED_OUT',
    `node ${node} has not answered ${kind} in time; it goes on with it`,
    { node },
    reason,
  );
}
