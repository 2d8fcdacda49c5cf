/** What a certificate says; no verification, that is done by TLS. */
import { createHash, X509Certificate } from 'node:crypto';
import { SnapcommitError } from '../../errors.js';
import { peerNameIn, type PeerName } from '../../wire/peer-uri.js';

export interface CertificateFacts {
  /** Null for an authority's. */
  readonly name: PeerName | null;
  /** SHA-256 of the DER, hex. */
  readonly fingerprint: string;
  /** ms since the epoch */
  readonly validFrom: number;
  readonly validUntil: number;
}

/**
 * Of the first certificate in the text.
 * @throws SnapcommitError CERTIFICATE_INVALID when there is none.
 */
export function inspectCertificate(pem: string): CertificateFacts {
  try {
    const certificate = new X509Certificate(pem);
    return {
      name: peerNameIn(certificate.subjectAltName),
      fingerprint: fingerprintOf(certificate.raw),
      validFrom: Date.parse(certificate.validFrom),
      validUntil: Date.parse(certificate.validTo),
    };
  } catch (error) {
    throw new SnapcommitError('CERTIFICATE_INVALID', 'what should be a certificate cannot be read', {}, error);
  }
}

/**
 * Whether a third of its life or less is left, or its time has not come: the clock by which it was made was ahead. Before
 * the authority's own time it is this clock that is wrong. @param now ms since the epoch
 */
export function isRenewalDue(facts: CertificateFacts, authority: CertificateFacts, now: number): boolean {
  if (now < facts.validFrom) return now >= authority.validFrom;
  return (facts.validUntil - now) * 3 <= facts.validUntil - facts.validFrom;
}

export function fingerprintOf(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('hex');
}
