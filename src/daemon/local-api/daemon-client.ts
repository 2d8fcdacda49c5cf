/** Asking the daemon, through as many connections as it takes: it may be restarted while a command runs. */
import { SnapcommitError } from '../../errors.js';
import type { LogIdentity } from '../../ports/log.js';
import { clockSkewIn } from './clock-skew.js';
import { connectTo, ConnectionLost, type DaemonConnection } from './connection.js';
import { TooLate, type Deadline } from './deadline.js';
import type { Request } from './protocol.js';

/** How long the daemon may take to say why the log does not answer: it asks nobody. */
const EXPLAINED_WITHIN_MS = 1000;

export class DaemonClient {
  readonly #stateDirectory: string;
  readonly #identity: LogIdentity;
  #connection: DaemonConnection | null = null;
  #connecting: Promise<DaemonConnection> | null = null;

  /** `identity`: as the store says; another log's daemon on this socket is refused, and a later life of this one. */
  constructor(stateDirectory: string, identity: LogIdentity) {
    this.#stateDirectory = stateDirectory;
    this.#identity = identity;
  }

  /** @throws UNAVAILABLE when no daemon answers, DENIED, LOG_FOREIGN. */
  async connected(deadline: Deadline): Promise<DaemonConnection> {
    if (this.#connection !== null && !this.#connection.isLost) return this.#connection;
    // One connection for all who ask at once: nobody would close the others.
    this.#connecting ??= this.#connect(deadline).finally(() => (this.#connecting = null));
    return this.#connecting;
  }

  async #connect(deadline: Deadline): Promise<DaemonConnection> {
    const connection = await connectTo(this.#stateDirectory, Math.max(1, deadline.leftMs()));
    const { cluster, node, incarnation } = connection.welcome.identity;
    if (cluster !== this.#identity.cluster || node !== this.#identity.node) {
      connection.close();
      throw new SnapcommitError(
        'LOG_FOREIGN',
        `the daemon that listens in ${this.#stateDirectory} serves node ${node} of cluster ${cluster}, not this log. Restart it`,
        { stateDirectory: this.#stateDirectory, cluster, node },
      );
    }
    if (incarnation !== this.#identity.incarnation) {
      connection.close();
      throw this.#otherLife(incarnation);
    }
    this.#connection = connection;
    return connection;
  }

  /** What this command read and fenced with belongs to a log that was given up (T17). */
  #otherLife(incarnation: number): SnapcommitError {
    const own = this.#identity.incarnation;
    return new SnapcommitError(
      'LOG_FOREIGN',
      `the log in ${this.#stateDirectory} was recovered while this command ran: it is in incarnation ${String(incarnation)} now, and was in ${String(own)}. Look at what is there (snapcommit status), and run the command again`,
      { stateDirectory: this.#stateDirectory, incarnation, before: own },
    );
  }

  /**
   * One request that may be asked any number of times: until it is answered, or time is up: UNAVAILABLE, or what `unknown`
   * makes of it where the request changes something and an attempt got out and was not answered.
   */
  async ask(
    request: Request,
    deadline: Deadline,
    unknown: ((error: SnapcommitError) => SnapcommitError) | null = null,
  ): Promise<unknown> {
    /** What the daemon itself said tells more than that it was asked in vain once more. */
    let said: SnapcommitError | null = null;
    let doubt: SnapcommitError | null = null;
    for (;;) {
      try {
        const connection = await this.connected(deadline);
        return await deadline.within(connection.ask(request));
      } catch (error) {
        if (!mayPass(error)) {
          // What this daemon refuses, an earlier attempt may have done all the same.
          if (unknown === null || doubt === null || isOutcomeUnknown(error)) throw error;
          throw unknown(asRefusal(error));
        }
        if (isUnavailable(error)) said = error;
        if (mayBeDone(error)) doubt ??= asUnavailable(error);
        if (await deadline.allowsAnother()) continue;
        if (unknown !== null && doubt !== null) throw unknown(await this.#explained(request, deadline, doubt));
        throw await this.#explained(request, deadline, said ?? asUnavailable(error));
      }
    }
  }

  /** A node whose clock is wrong hears of nothing but that nobody answers; its daemon knows who refuses whom, and why. */
  async #explained(request: Request, deadline: Deadline, error: SnapcommitError): Promise<SnapcommitError> {
    const connection = this.#connection;
    if (connection === null || connection.isLost || request.type === 'clusterStatus') return error;
    try {
      const status = await deadline.anew(EXPLAINED_WITHIN_MS).within(connection.ask({ type: 'clusterStatus' }));
      return clockSkewIn(status, error) ?? error;
    } catch {
      // It may have ended meanwhile: what is known is told.
      return error;
    }
  }

  /**
   * One request that is begun once however often it is asked, and may take as long as it takes. Without a daemon it waits
   * until a deadline, which `away` gives anew whenever one is lost.
   */
  async askAtLength(request: Request, away: () => Deadline): Promise<unknown> {
    for (let deadline = away(); ;) {
      let connection: DaemonConnection | null = null;
      try {
        connection = await this.connected(deadline);
        return await connection.ask(request);
      } catch (error) {
        if (connection === null ? !isUnavailable(error) : !isBetweenDaemons(error)) throw error;
        if (connection !== null && error instanceof ConnectionLost) deadline = away();
        if (!(await deadline.allowsAnother())) throw asUnavailable(error);
      }
    }
  }

  /** Nobody waits for it; without a daemon it is lost. */
  tell(request: Request): void {
    if (this.#connection?.isLost === false) this.#connection.ask(request).catch(() => undefined);
  }

  close(): void {
    this.#connection?.close();
  }
}

/** What another try may not meet: the daemon restarts, the cluster elects. `waited`: the daemon has tried long enough. */
function mayPass(error: unknown): boolean {
  if (isUnavailable(error)) return error.details['waited'] !== true;
  return error instanceof ConnectionLost || error instanceof TooLate;
}

/** It got out, and what became of it was not heard. */
function mayBeDone(error: unknown): boolean {
  return error instanceof TooLate || (error instanceof ConnectionLost && error.maybeDone);
}

export function isUnavailable(error: unknown): error is SnapcommitError {
  return error instanceof SnapcommitError && error.code === 'UNAVAILABLE';
}

function isOutcomeUnknown(error: unknown): boolean {
  return error instanceof SnapcommitError && error.code === 'OUTCOME_UNKNOWN';
}

/** The daemon went away, or is about to; any other answer is one. */
function isBetweenDaemons(error: unknown): boolean {
  return error instanceof ConnectionLost || (isUnavailable(error) && error.details['stopping'] === true);
}

function asRefusal(error: unknown): SnapcommitError {
  return error instanceof SnapcommitError ? error : asUnavailable(error);
}

function asUnavailable(error: unknown): SnapcommitError {
  if (isUnavailable(error)) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new SnapcommitError('UNAVAILABLE', `the log did not answer: ${reason}`, {}, error);
}
