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
  /** What it says of itself besides its name; opaque to whoever hands it on. */
  readonly about: Uint8Array;
}

export interface TokenLedger {
  /** Resolves when it is durable. */
  add(token: TokenRecord): Promise<void>;
  /** Null where no such token was issued, or it is forgotten since. */
  find(hash: string): Promise<(TokenRecord & { readonly used: boolean }) | null>;
  /**
   * True exactly once for each token that was added, whoever asks, and only after that is durable: this one place decides
   * that a token is used once, also across a crash.
   */
  consume(hash: string, joiner: Joiner): Promise<boolean>;
}
