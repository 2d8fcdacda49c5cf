/** The name that a certificate gives a node: `snapcommit://CLUSTER/NODE`, as a URI among its alternative names. */

export interface PeerName {
  readonly cluster: string;
  readonly node: string;
}

/** What clusters and nodes may be called; nothing in it needs escaping in a URI, a file name or a certificate. */
const NAME = '[A-Za-z0-9][A-Za-z0-9._-]{0,63}';
const NAME_ONLY = new RegExp(`^${NAME}$`);
const PEER_URI = new RegExp(`^snapcommit://(${NAME})/(${NAME})$`);

export function isPeerName(name: string): boolean {
  return NAME_ONLY.test(name);
}

export function peerUri(name: PeerName): string {
  return `snapcommit://${name.cluster}/${name.node}`;
}

function parsePeerUri(uri: string): PeerName | null {
  const [, cluster, node] = PEER_URI.exec(uri) ?? [];
  return cluster === undefined || node === undefined ? null : { cluster, node };
}

/** The node that a certificate's alternative names (as Node gives them) say; null unless they hold exactly one URI, ours. */
export function peerNameIn(alternativeNames: string | undefined): PeerName | null {
  // Node quotes what could be mistaken for a separator, so a comma always separates.
  const uris = (alternativeNames ?? '').split(', ').filter((name) => name.startsWith('URI:'));
  const [only, another] = uris;
  return only === undefined || another !== undefined ? null : parsePeerUri(only.slice('URI:'.length));
}
