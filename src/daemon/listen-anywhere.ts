/** On every address of this machine: the one that peers are told may be a router's. */
import type { PeerAddress } from '../ports/transport.js';

/** What a kernel answers that has no IPv6. */
const NO_IPV6: ReadonlySet<unknown> = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL']);

export async function listenAnywhere<T>(port: number, listen: (at: PeerAddress) => Promise<T>): Promise<T> {
  try {
    return await listen({ host: '::', port });
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (!(cause instanceof Error && 'code' in cause && NO_IPV6.has(cause.code))) throw error;
    return await listen({ host: '0.0.0.0', port });
  }
}
