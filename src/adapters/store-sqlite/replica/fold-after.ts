/** When a replica folds its write-ahead file. */

/** Small files, and short foldings. */
const BATCHES_MIN = 750;
const BATCHES_MAX = 1250;

/**
 * The write-ahead file is folded after this many batches, or after a checkpoint. Not the same for every start of every
 * store, whose nonce this is: members write a checkpoint at the same slot, and if they counted alike from there, they would
 * go on to fold at the same batch, while otherwise a majority's disks are free whenever one of them folds.
 */
export function foldAfter(nonce: string): number {
  const random = Number.parseInt(nonce.slice(0, 8), 16) / 2 ** 32;
  return BATCHES_MIN + Math.floor(random * (BATCHES_MAX - BATCHES_MIN));
}
