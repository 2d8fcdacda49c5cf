/** A store that said that it is full: appends are refused for a while, and then it is tried again. Counted in ticks. */
export class FullDisk {
  readonly #retryTicks: number;
  #untilTick: number | null = null;

  constructor(retryTicks: number) {
    this.#retryTicks = retryTicks;
  }

  get isFull(): boolean {
    return this.#untilTick !== null;
  }

  /** The store said so. Answers whether that is news. */
  found(now: number): boolean {
    const isNews = this.#untilTick === null;
    this.#untilTick = now + this.#retryTicks;
    return isNews;
  }

  /** Answers whether it is to be tried again from now on. */
  tick(now: number): boolean {
    if (this.#untilTick === null || now < this.#untilTick) return false;
    this.#untilTick = null;
    return true;
  }
}
