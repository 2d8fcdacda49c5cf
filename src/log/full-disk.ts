import { SnapcommitError } from '../errors.js';

/** A store that said that it is full: appends are refused for a while, and then it is tried again. Counted in ticks. */
export class FullDisk {
  readonly #retryTicks: number;
  readonly #file: string;
  #untilTick: number | null = null;
  /** It has taken no entry since it was found full; its tries do not end that. */
  #hasRefused = false;

  constructor(file: string, retryTicks: number) {
    this.#file = file;
    this.#retryTicks = retryTicks;
  }

  get isFull(): boolean {
    return this.#untilTick !== null;
  }

  /** Why no append can be taken here now; null: they can. */
  get refusal(): string | null {
    return this.isFull ? `the disk of ${this.#file} is full; make room on it` : null;
  }

  /** The store said so. Answers whether that is news. */
  found(now: number): boolean {
    const isNews = this.#untilTick === null;
    this.#untilTick = now + this.#retryTicks;
    this.#hasRefused = true;
    return isNews;
  }

  /** Entries are durable. */
  took(entries: number): void {
    if (entries > 0) this.#hasRefused = false;
  }

  /** What keeps this node from following the log, as whoever waits for that is told; null: not its disk. */
  trouble(stalls: boolean, waitedMs: number): SnapcommitError | null {
    if (!this.#hasRefused && !stalls) return null;
    const code = this.#hasRefused ? 'STORE_FULL' : 'UNAVAILABLE';
    const what = this.#hasRefused ? 'is full; make room on it' : 'hangs; see the kernel log';
    return new SnapcommitError(
      code,
      `this node could not follow the log for ${String(waitedMs)} ms: the disk of ${this.#file} ${what}`,
      { file: this.#file },
    );
  }

  /** Answers whether it is to be tried again from now on. */
  tick(now: number): boolean {
    if (this.#untilTick === null || now < this.#untilTick) return false;
    this.#untilTick = null;
    return true;
  }
}
