/** What a node shows to its peers, and whom it believes. */
import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import { SnapcommitError } from '../../errors.js';
import { peerNameIn, peerUri, type PeerName } from '../../wire/peer-uri.js';

/** All as PEM. */
export interface Credentials {
  /** The node's certificate, followed by its authority's, so that who knows only a fingerprint can find the latter. */
  readonly certificate: string;
  readonly key: string;
  /** Whose certificates we believe; more than one while the authority is changed. */
  readonly authorities: readonly string[];
}

export interface PreparedCredentials {
  readonly context: SecureContext;
  readonly certificate: string;
  readonly key: string;
  readonly authorities: readonly X509Certificate[];
  readonly authorityTexts: string[];
}

/** @throws SnapcommitError CERTIFICATE_INVALID when they do not fit together, or are not this node's. */
export function prepareCredentials(credentials: Credentials, self: PeerName): PreparedCredentials {
  const { certificate, key } = credentials;
  const authorityTexts = [...credentials.authorities];
  try {
    const context = createSecureContext({ cert: certificate, key, ca: authorityTexts, minVersion: 'TLSv1.3' });
    const own = new X509Certificate(certificate);
    const authorities = authorityTexts.map((text) => new X509Certificate(text));
    const name = peerNameIn(own.subjectAltName);
    if (name === null || peerUri(name) !== peerUri(self))
      throw invalid(`the certificate is of ${name === null ? 'nobody' : peerUri(name)}, this node is ${peerUri(self)}`);
    if (!isIssuedByOne(own, authorities))
      throw invalid(`the certificate of ${peerUri(self)} was issued by none of the given authorities`);
    return { context, certificate, key, authorities, authorityTexts };
  } catch (error) {
    if (error instanceof SnapcommitError) throw error;
    throw invalid(`the certificate, key and authorities of ${peerUri(self)} do not fit together`, error);
  }
}

/** Whether one of these authorities signed it. For certificates that TLS verified before, against an older set. */
export function isIssuedByOne(certificate: X509Certificate, authorities: readonly X509Certificate[]): boolean {
  return authorities.some((one) => certificate.checkIssued(one) && certificate.verify(one.publicKey));
}

function invalid(message: string, cause?: unknown): SnapcommitError {
  return new SnapcommitError('CERTIFICATE_INVALID', message, {}, cause);
}
