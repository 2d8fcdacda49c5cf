/** Addresses between the transport's form and people's. */
import { parseAddress } from '../../config/quantities.js';
import { InvariantError } from '../../errors.js';
import type { PeerAddress } from '../../ports/transport.js';

/** `host:port`, an IPv6 host in brackets. */
export function formatAddress({ host, port }: PeerAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${String(port)}`;
}

/** Of an address that was checked when it came in. */
export function addressOf(text: string): PeerAddress {
  const address = parseAddress(text);
  if (address === null) throw new InvariantError('types', `${text} is no address`);
  return address;
}
