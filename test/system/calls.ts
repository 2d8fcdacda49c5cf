/**
 * Calls between daemons over the simulated network: sent again until they are answered or their time is over, begun once
 * however often they come.
 */
import { SnapcommitError, type ErrorCode, type Details } from '#src/errors.js';
import type { Participant } from '#src/ports/participant.js';
import type { SimProcess } from './sim-process.js';

type Method = Exclude<keyof Participant, 'node'>;

interface Ask {
  readonly id: string;
  readonly method: Method;
  readonly given: readonly unknown[];
}

interface Answer {
  readonly id: string;
  readonly value?: unknown;
  readonly error?: { readonly code: ErrorCode; readonly message: string; readonly details: Details };
}

const RESEND_MS = 100;
const TIMEOUT_MS = 2000;

export class Calls {
  readonly #process: SimProcess;
  readonly #own: Participant;
  readonly #send: (to: string, bytes: Uint8Array) => void;
  readonly #open = new Map<string, (answer: Answer) => void>();
  readonly #begun = new Map<string, Promise<Answer>>();
  #asked = 0;

  constructor(process: SimProcess, own: Participant, send: (to: string, bytes: Uint8Array) => void) {
    this.#process = process;
    this.#own = own;
    this.#send = send;
  }

  receive(from: string, bytes: Uint8Array): void {
    const message = JSON.parse(Buffer.from(bytes).toString()) as Ask | Answer;
    if (!('method' in message)) return this.#open.get(message.id)?.(message);
    const key = `${from} ${message.id}`;
    const answering = this.#begun.get(key) ?? this.#begin(message);
    this.#begun.set(key, answering);
    void answering.then((answer) => {
      this.#process.running.run(() => {
        this.#tell(from, answer);
      });
    });
  }

  async #begin({ id, method, given }: Ask): Promise<Answer> {
    try {
      const act = this.#own[method] as (...given: readonly unknown[]) => Promise<unknown>;
      return { id, value: await act.apply(this.#own, [...given]) };
    } catch (error) {
      if (!(error instanceof SnapcommitError)) throw error;
      return { id, error: { code: error.code, message: error.message, details: error.details } };
    }
  }

  participantOf(node: string): Participant {
    const ask =
      (method: Method) =>
      (...given: unknown[]) =>
        this.#ask(node, method, given);
    return new Proxy({ node } as Participant, {
      get: (_, key): unknown => (key === 'node' ? node : key === 'then' ? undefined : ask(key as Method)),
    });
  }

  #ask(node: string, method: Method, given: readonly unknown[]): Promise<unknown> {
    const id = `${String(this.#process.identity.pid)}.${String((this.#asked += 1))}`;
    return new Promise((resolve, reject) => {
      const over = this.#process.after(TIMEOUT_MS, () => {
        this.#open.delete(id);
        reject(new SnapcommitError('UNAVAILABLE', `node ${node} does not answer ${method}`, { node }));
      });
      this.#open.set(id, ({ value, error }) => {
        this.#open.delete(id);
        over();
        if (error === undefined) resolve(value ?? undefined);
        else reject(new SnapcommitError(error.code, `node ${node}: ${error.message}`, { ...error.details, node }));
      });
      const again = (): void => {
        if (!this.#open.has(id)) return;
        this.#tell(node, { id, method, given });
        this.#process.after(RESEND_MS, again);
      };
      again();
    });
  }

  #tell(to: string, message: Ask | Answer): void {
    if (this.#process.isAlive) this.#send(to, Buffer.from(JSON.stringify(message)));
  }
}
