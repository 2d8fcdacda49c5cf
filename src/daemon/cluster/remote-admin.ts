/** The cluster's administration, through this machine's daemon. */
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
    return this.#ask<IssuedToken>({ type: 'issueToken', ...wish });
  }

  async addVoter(node: string): Promise<MembershipChange> {
    return this.#ask<MembershipChange>({ type: 'addVoter', node });
  }

  async removeMember(node: string, forfeit: boolean): Promise<MembershipChange> {
    return this.#ask<MembershipChange>({ type: 'removeMember', node, forfeit });
  }

  async replaceMember(old: string, next: string): Promise<MembershipChange> {
    return this.#ask<MembershipChange>({ type: 'replaceMember', old, next });
  }

  async renewCertificate(): Promise<RenewedCertificate> {
    return this.#ask<RenewedCertificate>({ type: 'renewCertificate' });
  }

  close(): void {
    this.#daemon.close();
  }

  /** The reports are the daemon's own documents: both sides are of one version (protocol.ts), so only their outline is checked. */
  async #ask<T extends object>(request: Request): Promise<T> {
    return plain(await this.#daemon.ask(request, this.#deadline()), request.type) as unknown as T;
  }

  #deadline(): Deadline {
    const { clock, timeoutMs } = this.#options;
    return new Deadline(clock, clock.monotonic() + timeoutMs);
  }
}
