/** Randomness from a seed: the only kind that the simulation knows. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A natural number below `limit` (mulberry32). */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) % limit;
  }

  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** True `count` times in a thousand. */
  perMille(count: number): boolean {
    return this.below(1000) < count;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  }

  /** The same items in another order. */
  shuffled<T>(items: readonly T[]): readonly T[] {
    const mixed = [...items];
    for (let last = mixed.length - 1; last > 0; last -= 1) {
      const other = this.below(last + 1);
      const [a, b] = [mixed[last], mixed[other]];
      if (a !== undefined && b !== undefined) [mixed[last], mixed[other]] = [b, a];
    }
    return mixed;
  }
}

/** A seed for one purpose, so that what one part of a world draws never moves what another part draws. */
export function seedFor(seed: number, ...purpose: readonly (string | number)[]): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (const part of purpose) hash = mix(hash, part);
  return hash;
}

/** FNV-1a over a text or a number. */
export function mix(hash: number, part: string | number): number {
  let mixed = hash;
  if (typeof part === 'number') {
    mixed = Math.imul(mixed ^ (part & 0xffff), 0x01000193);
    mixed = Math.imul(mixed ^ ((part >>> 16) & 0xffff), 0x01000193);
    return Math.imul(mixed ^ (Math.floor(part / 2 ** 32) & 0xffff), 0x01000193) >>> 0;
  }
  for (let at = 0; at < part.length; at += 1) mixed = Math.imul(mixed ^ part.charCodeAt(at), 0x01000193);
  return Math.imul(mixed ^ 0xff, 0x01000193) >>> 0;
}
