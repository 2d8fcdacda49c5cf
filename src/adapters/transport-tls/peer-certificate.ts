/** Who the other end is, by its certificate; and whether we believe it. */
import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { peerNameIn, type PeerName } from '../../wire/peer-uri.js';
import type { Refusal } from './hello.js';

/** One that is not let in. */
export interface Unbelieved extends Refusal {
  /** Who it is, where that much is proved. */
  readonly node: string | null;
}

/** By whom a certificate is looked at. */
export interface Inspector extends PeerName {
  now(): number;
  /** Whether one of our authorities has signed it. */
  isOurs(certificate: X509Certificate): boolean;
}

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
export function trustedPeer(socket: TLSSocket, inspector: Inspector): TrustedPeer | Unbelieved {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return refuse('it shows no certificate');
  const name = peerNameIn(certificate.subjectAltName);
  if (!socket.authorized) {
    // Typed as an Error, but it is OpenSSL's code as a text.
    const code = String(socket.authorizationError);
    const early = code === 'CERT_NOT_YET_VALID' ? whoseClock(certificate, name, inspector) : null;
    return early ?? refuse(`its certificate ${EXPLANATIONS[code] ?? `is not valid (${code})`}`);
  }
  if (name === null) return refuse('its certificate does not name one node of one cluster');
  const { cluster } = inspector;
  if (name.cluster !== cluster)
    return {
      reason: 'cluster',
      message: `its certificate is of cluster ${name.cluster}, this is ${cluster}`,
      node: null,
    };
  return { ...name, certificate, validUntil: Date.parse(certificate.validTo) };
}

function refuse(message: string): Unbelieved {
  return { reason: 'certificate', message, node: null };
}

/**
 * A certificate of our own authority whose time has not come yet: by the clock of whoever issued it, it has. Written so that
 * it reads the same on both sides. Null: it is not ours, or we have come to its time meanwhile.
 */
function whoseClock(certificate: X509Certificate, name: PeerName | null, inspector: Inspector): Unbelieved | null {
  const { cluster, node } = inspector;
  const [now, from] = [inspector.now(), Date.parse(certificate.validFrom)];
  if (name?.cluster !== cluster || from <= now || !inspector.isOurs(certificate)) return null;
  const [here, begins] = [now, from].map((ms) => new Date(ms).toISOString());
  const message =
    `the clock of node ${node} is at least ${String(Math.ceil((from - now) / 1000))} s behind the one by which node ` +
    `${name.node}'s certificate was made: it says ${String(here)}, and the certificate is valid from ${String(begins)} on. If it was that ` +
    `one that was ahead, run \`snapcommit cluster renew\` on ${name.node} once its clock is right`;
  return { reason: 'clock', message, node: name.node };
}
