/** Addresses between the transport's form and people's. */
import { parseAddress } from '../../machine/address.js';
import { InvariantError } from '../../errors.js';
import type { PeerAddress } from '../../ports/transport.js';

/** `host:port`, an IPv6 host in brackets. */
export function formatAddress({ host, port }: PeerAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${String(port)}`;
}

/** Of one of our own, which was checked when it was set. What others have said goes through `parseAddress`. */
export function addressOf(text: string): PeerAddress {
  const address = parseAddress(text);
  if (address === null) throw new InvariantError('types', `${text} is no address`);
  return address;
}
