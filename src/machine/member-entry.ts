/** What a slot can hold about the cluster's nodes: join tokens, members, draining. PURE: types only. Part of entry.ts's union. */
/** A join token may be used until `expires`. */
export interface AddToken {
  readonly type: 'addToken';
  /** SHA-256 (hex) of the token. */
  readonly hash: string;
  /** ms since the epoch, judged by the clock of whoever appends the use. */
  readonly expires: number;
  /** The only node that may use it, also where that name is in use: who makes it says so. null: any new name. */
  readonly node: string | null;
}
/** Uses a token up, and makes the node a member. The same node with the same key is answered again. */
export interface UseToken {
  readonly type: 'useToken';
  readonly hash: string;
  readonly node: string;
  /** SHA-256 (hex) of the public key that the node shows; null in entries from before there were repeats. */
  readonly key: string | null;
  /** `HOST:PORT`. */
  readonly address: string;
}
export interface PutMember {
  readonly type: 'putMember';
  readonly node: string;
  readonly address: string;
}
export interface RemoveMember {
  readonly type: 'removeMember';
  readonly node: string;
  /** Explicit consent: its volumes are forfeited with it, and no group freezes anything there any more. */
  readonly forfeit: boolean;
}
/** The node's volumes and writers begin no transactions any more, so that it can be removed once nothing waits for it. */
export interface DrainNode {
  readonly type: 'drainNode';
  readonly node: string;
}
export interface UndrainNode {
  readonly type: 'undrainNode';
  readonly node: string;
}
