/** Which join tokens may still be used. Types only. */

/** A token as its issuer keeps it: never the secret itself, only its SHA-256 (hex). */
export interface TokenRecord {
  readonly hash: string;
  /** ms since the epoch, on the issuer's clock. */
  readonly expiresAt: number;
  /** The only node that may use it; null: any new one. */
  readonly node: string | null;
}

/** Who uses a token. */
export interface Joiner {
  readonly node: string;
  /** SHA-256 (hex) of its public key: the same node with the same key repeats itself. */
  readonly key: string;
  /** What it says of itself besides its name; opaque to whoever hands it on. */
  readonly about: Uint8Array;
}

export interface TokenLedger {
  /** Resolves when it is durable. */
  add(token: TokenRecord): Promise<void>;
  /** Looks, and changes nothing. @throws SnapcommitError as `consume` would. */
  check(hash: string, joiner: Joiner): Promise<void>;
  /**
   * Resolves when this joiner is the one that has used the token, durably; for one joiner, however often it asks until the
   * token expires, and for nobody else, whoever is asked: this one place decides that, also across a crash.
   * @throws SnapcommitError TOKEN_UNKNOWN, TOKEN_USED, TOKEN_EXPIRED; DENIED when the token is for another node; EXISTS
   *   when the name is another's; OUTCOME_UNKNOWN when it may have been used: the same joiner asks again.
   */
  consume(hash: string, joiner: Joiner): Promise<void>;
}
