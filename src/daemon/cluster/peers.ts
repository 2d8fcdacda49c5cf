/** Whom this member talks to: everybody in the membership, wherever the log (or, before it is read, the welcome) says they are. */
import { parseAddress } from '../../machine/address.js';
import type { State } from '../../machine/state.js';
import type { Configuration } from '../../paxos/configuration.js';
import type { PeerAddress } from '../../ports/transport.js';
import type { Contacts } from './place.js';

/** Members without this node (`state` is null: the log cannot be read); those of whom no usable address is known are left out. */
export function peerAddresses(
  self: string,
  { voters, learners }: Configuration,
  state: State | null,
  contacts: Contacts,
): ReadonlyMap<string, PeerAddress> {
  const peers = new Map<string, PeerAddress>();
  for (const node of [...voters, ...learners]) {
    if (node === self) continue;
    const text =
      (state === null ? undefined : addressIn(state, node)) ??
      contacts.members.find((one) => one.node === node)?.address;
    const address = text === undefined ? null : parseAddress(text);
    if (address !== null) peers.set(node, address);
  }
  return peers;
}

/** Every member whose address can be used, as the log has it. */
export function addressesIn({ members }: State): readonly { readonly node: string; readonly address: PeerAddress }[] {
  return Object.entries(members).flatMap(([node, member]) => {
    const address = parseAddress(member.address);
    return address === null ? [] : [{ node, address }];
  });
}

/** `HOST:PORT`, as the log has it. */
export function addressIn({ members }: State, node: string): string | undefined {
  return Object.hasOwn(members, node) ? members[node]?.address : undefined;
}
