/** A cluster's own authority: it alone says which key speaks for which node. ECDSA P-256, SHA-256 throughout. */
import { randomBytes, webcrypto } from 'node:crypto';
import { SnapcommitError } from '../../errors.js';
import { isPeerName, peerUri, type PeerName } from '../../wire/peer-uri.js';
import { exportKey, importKey, KEY_ALGORITHM } from './keys.js';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  AuthorityKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from './x509.js';

/** Certificates begin this long before they are made: so far may the clocks of two nodes be apart. */
export const CLOCK_TOLERANCE_MS = 5 * 60_000;
const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3650;
export const NODE_DAYS = 90;

/** Both as PEM. The key never leaves the nodes that issue. */
export interface Authority {
  readonly certificate: string;
  readonly key: string;
}

/** @param now ms since the epoch */
export async function makeAuthority(cluster: string, now: number): Promise<Authority> {
  checkName('cluster', cluster);
  const keys = await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: [{ O: [cluster] }, { CN: ['snapcommit authority'] }],
    notBefore: new Date(now - CLOCK_TOLERANCE_MS),
    notAfter: new Date(now + AUTHORITY_DAYS * DAY_MS),
    keys,
    signingAlgorithm: KEY_ALGORITHM,
    extensions: [
      // It signs nodes and no further authorities.
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: pem(certificate), key: await exportKey(keys.privateKey) };
}

export interface Issue {
  /** What the certificate says; who may be called that is the caller's decision. */
  readonly name: PeerName;
  /** A PKCS#10 request (DER): it proves that the asker holds the key. What else it asks for is not looked at. */
  readonly request: Uint8Array;
  /** ms since the epoch */
  readonly now: number;
  readonly validDays?: number;
}

/**
 * A node's certificate, followed by the authority's, as PEM.
 * @throws SnapcommitError CERTIFICATE_INVALID when the request is none, or not signed by its own key.
 */
export async function issue(
  authority: Authority,
  { name, request, now, validDays = NODE_DAYS }: Issue,
): Promise<string> {
  checkName('cluster', name.cluster);
  checkName('node', name.node);
  const issuer = new X509Certificate(authority.certificate);
  const publicKey = await requestedKey(request);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: [{ O: [name.cluster] }, { CN: [name.node] }],
    issuer: issuer.subject,
    notBefore: new Date(now - CLOCK_TOLERANCE_MS),
    // Never longer than the authority's own.
    notAfter: new Date(Math.min(now + validDays * DAY_MS, issuer.notAfter.getTime())),
    publicKey,
    signingKey: await importKey(authority.key),
    signingAlgorithm: KEY_ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
      new SubjectAlternativeNameExtension([{ type: 'url', value: peerUri(name) }]),
      await SubjectKeyIdentifierExtension.create(publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return pem(certificate) + authority.certificate;
}

/**
 * The key that a request is for.
 * @throws SnapcommitError CERTIFICATE_INVALID when the request is none, or not signed by its own key.
 */
export async function requestedKey(request: Uint8Array): Promise<webcrypto.CryptoKey> {
  try {
    const parsed = new Pkcs10CertificateRequest(Uint8Array.from(request));
    const key = await webcrypto.subtle.importKey('spki', parsed.publicKey.rawData, KEY_ALGORITHM, true, ['verify']);
    if (await parsed.verify()) return key;
  } catch (error) {
    throw invalidRequest(error);
  }
  throw invalidRequest();
}

function invalidRequest(cause?: unknown): SnapcommitError {
  const message = 'the request for a certificate is not one for a P-256 key, signed by that key';
  return new SnapcommitError('CERTIFICATE_INVALID', message, {}, cause);
}

function checkName(what: string, name: string): void {
  if (isPeerName(name)) return;
  const rule = 'letters, digits, dots, dashes and underscores, 64 at most, beginning with a letter or digit';
  throw new SnapcommitError('NAME_INVALID', `a ${what} cannot be called ${JSON.stringify(name)}: ${rule}`);
}

/** 16 random bytes, positive and without a leading zero, as X.509 wants it. */
function serial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

function pem(certificate: X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}
