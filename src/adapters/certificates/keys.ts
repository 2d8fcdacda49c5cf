/** A node's own key, and the request that has it certified. The key is made where it is used and never travels. */
import { createHash, webcrypto } from 'node:crypto';
import type { PeerName } from '../../wire/peer-uri.js';
import { PemConverter, Pkcs10CertificateRequestGenerator } from './x509.js';

export const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

export interface KeyAndRequest {
  /** PKCS#8, as PEM. */
  readonly key: string;
  /** PKCS#10, DER. */
  readonly request: Uint8Array;
}

export async function makeKeyAndRequest(name: PeerName): Promise<KeyAndRequest> {
  const keys = await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']);
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: [{ O: [name.cluster] }, { CN: [name.node] }],
    keys,
    signingAlgorithm: KEY_ALGORITHM,
  });
  return { key: await exportKey(keys.privateKey), request: new Uint8Array(request.rawData) };
}

/** SHA-256 (hex) of a public key. */
export async function keyFingerprint(key: webcrypto.CryptoKey): Promise<string> {
  const bytes = await webcrypto.subtle.exportKey('spki', key);
  return createHash('sha256').update(new Uint8Array(bytes)).digest('hex');
}

export async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return `${PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`;
}

export async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey('pkcs8', PemConverter.decodeFirst(pem), KEY_ALGORITHM, false, ['sign']);
}
