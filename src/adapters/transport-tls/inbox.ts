/** What the user has taken from one peer and not finished: beyond the bounds that peer is not read. */

export interface InboxBounds {
  readonly bytesMax: number;
  readonly framesMax: number;
}

export interface Readable {
  hold(): void;
  release(): void;
}

export class Inbox {
  readonly #bounds: InboxBounds;
  #bytes = 0;
  #frames = 0;
  #held: Readable | null = null;

  constructor(bounds: InboxBounds) {
    this.#bounds = bounds;
  }

  /** True when the source is held because of it. */
  began(bytes: number, source: Readable): boolean {
    this.#bytes += bytes;
    this.#frames += 1;
    if (this.#held === source || (this.#bytes <= this.#bounds.bytesMax && this.#frames <= this.#bounds.framesMax))
      return false;
    this.#held = source;
    source.hold();
    return true;
  }

  finished(bytes: number): void {
    this.#bytes -= bytes;
    this.#frames -= 1;
    // Half, so that a slow user does not pause and resume at every message.
    if (this.#held === null || this.#bytes * 2 > this.#bounds.bytesMax || this.#frames * 2 > this.#bounds.framesMax)
      return;
    const source = this.#held;
    this.#held = null;
    source.release();
  }
}
