/** Administration of the cluster, as the daemon serves it and `cluster …` asks for it. Types only; plain data. */

export type MemberRole = 'voter' | 'learner';

export interface MemberStatus {
  readonly node: string;
  readonly role: MemberRole;
  /** `host:port` of its listener; null where it is not known here. */
  readonly address: string | null;
  readonly isLeader: boolean;
  /** Its volumes and writers begin no transactions. */
  readonly isDraining: boolean;
  /** Whether this is the node that was asked. */
  readonly isSelf: boolean;
  /** The last slot that it is known to hold; null where nothing is known. */
  readonly lastSlot: number | null;
  /** How many slots it is behind what is chosen; null where nothing is known. */
  readonly lagSlots: number | null;
  /** RFC 3339, UTC; null while it can be reached. */
  readonly unreachableSince: string | null;
  /** Why one of the two refuses the other's connections since then; null where neither is known to. */
  readonly refusal: string | null;
}

export interface ClusterStatus {
  readonly cluster: string;
  readonly node: string;
  readonly incarnation: number;
  /** How many times the membership has changed, counted from 1. */
  readonly configuration: number;
  /** null: none is known. */
  readonly leader: string | null;
  readonly ballot: { readonly round: number; readonly node: string } | null;
  /** Whether this node, as it sees the others, can get an entry chosen. */
  readonly hasQuorum: boolean;
  /** The refusal that says that a wrong clock, this node's or another's, keeps it from a majority; null: none does. */
  readonly clockRefusal: string | null;
  readonly decidedSlot: number;
  readonly checkpointSlot: number;
  /** Sorted by name. */
  readonly members: readonly MemberStatus[];
}

export interface TokenWish {
  readonly lifetimeMs: number;
  /** The only node that may use it, also where that name is in use already; null: any new one. */
  readonly node: string | null;
}

export interface IssuedToken {
  /** A secret: whoever has it may join until it expires. */
  readonly token: string;
  /** RFC 3339, UTC. */
  readonly expiresAt: string;
  readonly node: string | null;
}

export interface MembershipChange {
  readonly configuration: number;
  readonly voters: readonly string[];
  readonly learners: readonly string[];
}

export interface RenewedCertificate {
  readonly node: string;
  /** RFC 3339, UTC. */
  readonly validUntil: string;
}

export interface ClusterAdmin {
  status(): Promise<ClusterStatus>;
  issueToken(wish: TokenWish): Promise<IssuedToken>;
  /** Makes a learner that has caught up a voter. */
  addVoter(node: string): Promise<MembershipChange>;
  /** `forfeit`: consent that its volumes, and what groups freeze there, are given up with it. */
  removeMember(node: string, forfeit: boolean): Promise<MembershipChange>;
  /** A learner takes a voter's place, in one change. */
  replaceMember(old: string, next: string): Promise<MembershipChange>;
  renewCertificate(): Promise<RenewedCertificate>;
}
