/** The cluster's administration, through this machine's daemon. */
import { SnapcommitError } from '../../errors.js';
import type { Clock } from '../../ports/clock.js';
import type { LogIdentity } from '../../ports/log.js';
import { plain } from '../../wire/shape.js';
import { DaemonClient } from '../local-api/daemon-client.js';
import { Deadline } from '../local-api/deadline.js';
import type { Request } from '../local-api/protocol.js';
import type {
  ClusterAdmin,
  ClusterStatus,
  IssuedToken,
  MembershipChange,
  RenewedCertificate,
  TokenWish,
} from './admin.js';

export interface RemoteAdminOptions {
  readonly stateDirectory: string;
  readonly identity: LogIdentity;
  readonly clock: Clock;
  /** How long one request may take, ms. */
  readonly timeoutMs: number;
}

const LOOK_AT_MEMBERS =
  'See `snapcommit cluster members`, and run the same command again: what is done already is not done twice';

/**
 * Every request may be asked twice: a change that stands already is answered as done. So a daemon that restarts, or a
 * leader that changes, costs time only.
 */
export class RemoteAdmin implements ClusterAdmin {
  readonly #options: RemoteAdminOptions;
  readonly #daemon: DaemonClient;

  constructor(options: RemoteAdminOptions) {
    this.#options = options;
    this.#daemon = new DaemonClient(options.stateDirectory, options.identity);
  }

  async connect(): Promise<void> {
    await this.#daemon.connected(this.#deadline());
  }

  async status(): Promise<ClusterStatus> {
    return this.#ask<ClusterStatus>({ type: 'clusterStatus' });
  }

  async issueToken(wish: TokenWish): Promise<IssuedToken> {
    return this.#change<IssuedToken>(
      { type: 'issueToken', ...wish },
      'Run it again: a token that nobody was told is of no use',
    );
  }

  async addVoter(node: string): Promise<MembershipChange> {
    return this.#change<MembershipChange>({ type: 'addVoter', node }, LOOK_AT_MEMBERS);
  }

  async removeMember(node: string, forfeit: boolean): Promise<MembershipChange> {
    return this.#change<MembershipChange>({ type: 'removeMember', node, forfeit }, LOOK_AT_MEMBERS);
  }

  async replaceMember(old: string, next: string): Promise<MembershipChange> {
    return this.#change<MembershipChange>({ type: 'replaceMember', old, next }, LOOK_AT_MEMBERS);
  }

  async renewCertificate(): Promise<RenewedCertificate> {
    return this.#change<RenewedCertificate>(
      { type: 'renewCertificate' },
      'Run it again: it may be renewed at any time',
    );
  }

  close(): void {
    this.#daemon.close();
  }

  /** The reports are the daemon's own documents: both sides are of one version (protocol.ts), so only their outline is checked. */
  async #ask<T extends object>(request: Request): Promise<T> {
    return plain(await this.#daemon.ask(request, this.#deadline()), request.type) as unknown as T;
  }

  /** `next`: what to do where it is not known whether it was done. */
  async #change<T extends object>(request: Request, next: string): Promise<T> {
    const unknown = (error: SnapcommitError): SnapcommitError =>
      new SnapcommitError(
        'OUTCOME_UNKNOWN',
        `it is not known whether it was done: ${error.message}. ${next}`,
        {},
        error,
      );
    return plain(await this.#daemon.ask(request, this.#deadline(), unknown), request.type) as unknown as T;
  }

  #deadline(): Deadline {
    const { clock, timeoutMs } = this.#options;
    return new Deadline(clock, clock.monotonic() + timeoutMs);
  }
}
