/** What waits to be sent to one peer, bounded in bytes and in frames, and taken out in batches. */

export interface QueueBounds {
  readonly bytesMax: number;
  readonly framesMax: number;
}

export class SendQueue {
  readonly #bounds: QueueBounds;
  #parts: Uint8Array[] = [];
  #next = 0;
  #bytes = 0;

  constructor(bounds: QueueBounds) {
    this.#bounds = bounds;
  }

  get frames(): number {
    return this.#parts.length - this.#next;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** False, and nothing kept, when it would pass a bound: the newest is refused, and what waits stays without gaps. */
  offer(frame: Uint8Array): boolean {
    if (this.frames >= this.#bounds.framesMax || this.#bytes + frame.length > this.#bounds.bytesMax) return false;
    this.#parts.push(frame);
    this.#bytes += frame.length;
    return true;
  }

  /** The oldest frames as one piece of about `bytesMax` (one frame may be larger); null when nothing waits. */
  take(bytesMax: number): Uint8Array | null {
    const first = this.#next;
    let size = 0;
    while (this.#next < this.#parts.length) {
      const length = this.#parts[this.#next]?.length ?? 0;
      if (size > 0 && size + length > bytesMax) break;
      size += length;
      this.#next += 1;
    }
    if (this.#next === first) return null;
    const taken = this.#parts.slice(first, this.#next);
    this.#bytes -= size;
    this.#forgetTaken();
    return taken.length === 1 ? (taken[0] ?? null) : Buffer.concat(taken, size);
  }

  #forgetTaken(): void {
    if (this.#next < this.#parts.length && this.#next < 1024) return;
    this.#parts = this.#parts.slice(this.#next);
    this.#next = 0;
  }
}
