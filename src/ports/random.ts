/** Randomness, as an adapter gives it. Types only. */
export interface Random {
  bytes(count: number): Uint8Array;
}
