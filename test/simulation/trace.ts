/** What happened, as lines for people and as one hash for comparing two runs of a seed. */
import { mix } from './random.js';

/** A traced run keeps its newest lines only. */
const KEPT_LINES = 20_000;

export class Trace {
  #hash = 0x811c9dc5;
  readonly #lines: string[] | null;

  constructor(keepLines: boolean) {
    this.#lines = keepLines ? [] : null;
  }

  /** `line` is made only when lines are kept; the hash takes the parts. */
  add(now: number, parts: readonly (string | number)[], line: () => string): void {
    this.#hash = mix(this.#hash, Math.round(now * 1000));
    for (const part of parts) this.#hash = mix(this.#hash, part);
    if (this.#lines === null) return;
    this.#lines.push(`${now.toFixed(1).padStart(9)}  ${line()}`);
    if (this.#lines.length > KEPT_LINES) this.#lines.splice(0, KEPT_LINES / 2);
  }

  get hash(): string {
    return this.#hash.toString(16).padStart(8, '0');
  }

  get lines(): readonly string[] {
    return this.#lines ?? [];
  }
}
