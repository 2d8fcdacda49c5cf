/**
 * This member's certificate and what it does with the cluster's authority, which every member has: it lets nodes in, and
 * renews its own certificate in time.
 */
import {
  inspectCertificate,
  isRenewalDue,
  issue,
  joinService,
  JOIN_PROTOCOL,
  makeKeyAndRequest,
  makeToken,
  type Authority,
  type CredentialFiles,
  type IssuerOptions,
  type StoredCredentials,
} from '../../adapters/certificates/index.js';
import { SnapcommitError } from '../../errors.js';
import type { Clock } from '../../ports/clock.js';
import type { LogIdentity } from '../../ports/log.js';
import type { TokenLedger } from '../../ports/token-ledger.js';
import type { PeerAddress } from '../../ports/transport.js';
import type { IssuedToken, RenewedCertificate, TokenWish } from './admin.js';

export interface CertificatesOptions {
  readonly identity: LogIdentity;
  readonly files: CredentialFiles;
  readonly credentials: StoredCredentials;
  readonly authority: Authority;
  readonly clock: Clock;
  /** Hears of new ones, and has to show them from then on. */
  readonly onRenewed: (credentials: StoredCredentials) => void;
}

export class Certificates {
  readonly #options: CertificatesOptions;
  #credentials: StoredCredentials;

  constructor(options: CertificatesOptions) {
    this.#options = options;
    this.#credentials = options.credentials;
  }

  /** The service on the transport's port, by its protocol. */
  services(issuer: Omit<IssuerOptions, 'cluster' | 'authority' | 'clock' | 'trustedAuthorities'>) {
    const { identity, authority, clock } = this.#options;
    const trustedAuthorities = (): readonly string[] => this.#credentials.authorities;
    const options = { ...issuer, cluster: identity.cluster, authority, clock, trustedAuthorities };
    return new Map([[JOIN_PROTOCOL, joinService(options)]]);
  }

  async issueToken(
    { lifetimeMs, node }: TokenWish,
    addresses: readonly PeerAddress[],
    ledger: TokenLedger,
  ): Promise<IssuedToken> {
    const { identity, authority, clock } = this.#options;
    const { fingerprint } = inspectCertificate(authority.certificate);
    const now = clock.now();
    const { cluster } = identity;
    const { text, record } = makeToken({ cluster, addresses, fingerprint, node, now, lifeMs: lifetimeMs });
    await ledger.add(record);
    return { token: text, expiresAt: new Date(record.expiresAt).toISOString(), node };
  }

  /** A new key with a new certificate; durable when it resolves, and shown from then on. */
  async renew(): Promise<RenewedCertificate> {
    const { identity, authority, clock, files } = this.#options;
    const name = { cluster: identity.cluster, node: identity.node };
    const { key, request } = await makeKeyAndRequest(name);
    const certificate = await issue(authority, { name, request, now: clock.now() });
    await files.writeCredentials({ certificate, key, authorities: this.#credentials.authorities });
    await this.reload();
    const { validUntil } = inspectCertificate(certificate);
    return { node: identity.node, validUntil: new Date(validUntil).toISOString() };
  }

  async renewIfDue(): Promise<RenewedCertificate | null> {
    const { authority, clock } = this.#options;
    const own = inspectCertificate(this.#credentials.certificate);
    const due = isRenewalDue(own, inspectCertificate(authority.certificate), clock.now());
    return due ? this.renew() : null;
  }

  /** What lies in the files now. @throws CERTIFICATE_INVALID when it does not fit together; then nothing has changed. */
  async reload(): Promise<void> {
    const credentials = await requireCredentials(this.#options.files);
    this.#options.onRenewed(credentials);
    this.#credentials = credentials;
  }
}

export async function requireCredentials(files: CredentialFiles): Promise<StoredCredentials> {
  const credentials = await files.readCredentials();
  if (credentials !== null) return credentials;
  throw new SnapcommitError(
    'STATE_DIRECTORY_INVALID',
    "this member has no certificate: its state directory is not whole. Replace it by a new member, or put a copy of its 'cluster' directory back",
  );
}

export async function requireAuthority(files: CredentialFiles): Promise<Authority> {
  const authority = await files.readAuthority();
  if (authority !== null) return authority;
  throw new SnapcommitError(
    'STATE_DIRECTORY_INVALID',
    "the authority of this cluster is missing here: the state directory is not whole. Put a copy of its 'cluster' directory back, from any member",
  );
}
