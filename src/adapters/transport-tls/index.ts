/**
 * The transport over mutual TLS 1.3.
 *
 * Between two nodes there is one connection, for both directions: the node whose name comes first calls. A newer
 * connection replaces an older one, because a caller calls again only when it has given up the one before.
 */
import { DEFAULT_LIMITS } from './limits.js';
import type { TlsTransportOptions } from './options.js';
import { TlsTransport } from './transport.js';

/** @throws SnapcommitError CERTIFICATE_INVALID, or UNAVAILABLE when the address cannot be listened on. */
export async function listenTls(options: TlsTransportOptions): Promise<TlsTransport> {
  const transport = new TlsTransport(options, { ...DEFAULT_LIMITS, ...options.limits });
  await transport.listen(options.listen);
  return transport;
}

export { Repeats } from './repeats.js';
export type { Credentials } from './credentials.js';
export type { TransportLimits } from './limits.js';
export type { TlsTransportOptions } from './options.js';
export type { TlsTransport } from './transport.js';
