/** Who the other end is, by its certificate; and whether we believe it. */
import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { peerNameIn, type PeerName } from '../../wire/peer-uri.js';
import type { Refusal } from './hello.js';

export interface TrustedPeer extends PeerName {
  readonly certificate: X509Certificate;
  /** ms since the epoch. */
  readonly validUntil: number;
}

/** OpenSSL's words for what is wrong, in ours. */
const EXPLANATIONS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'has expired; renew it, and look at the clocks of both nodes',
  CERT_NOT_YET_VALID: 'is not valid yet; look at the clocks of both nodes (five minutes of difference are tolerated)',
  DEPTH_ZERO_SELF_SIGNED_CERT: "was not issued by this cluster's authority",
  SELF_SIGNED_CERT_IN_CHAIN: "was issued by an authority that is not this cluster's",
  UNABLE_TO_GET_ISSUER_CERT: 'was issued by an authority that is not known here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'was issued by an authority that is not known here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'was issued by an authority that is not known here',
  CERT_SIGNATURE_FAILURE: "does not carry this cluster's authority's signature",
  INVALID_PURPOSE: 'was made for another purpose',
};

/**
 * TLS has already proved that the peer holds the certificate's key. Verification is done by OpenSSL against our
 * authorities; the sockets are opened with rejectUnauthorized off only so that the reason can be told to the other
 * side as well. Nothing is read from a peer before this said who it is.
 */
export function trustedPeer(socket: TLSSocket, cluster: string): TrustedPeer | Refusal {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return refuse('it shows no certificate');
  if (!socket.authorized) {
    // Typed as an Error, but it is OpenSSL's code as a text.
    const code = String(socket.authorizationError);
    return refuse(`its certificate ${EXPLANATIONS[code] ?? `is not valid (${code})`}`);
  }
  const name = peerNameIn(certificate.subjectAltName);
  if (name === null) return refuse('its certificate does not name one node of one cluster');
  if (name.cluster !== cluster)
    return { reason: 'cluster', message: `its certificate is of cluster ${name.cluster}, this is ${cluster}` };
  return { ...name, certificate, validUntil: Date.parse(certificate.validTo) };
}

function refuse(message: string): Refusal {
  return { reason: 'certificate', message };
}
