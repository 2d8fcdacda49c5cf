/**
 * Our place among what wants to run. Writers wait for us from the moment that they are asked to stand still, so from then
 * on we go first, where we may say so; not before, since until then they run, and would have to wait for us.
 */
import { getPriority, setPriority } from 'node:os';

/** A nice value. On Linux it is the thread's that sets it: of ours, only the one that looks and thaws. */
const FIRST = -20;

export class Haste {
  readonly #calm = getPriority();

  constructor() {
    this.#set(this.#calm);
  }

  begin(): void {
    this.#set(FIRST);
  }

  /** Also where it never began. */
  end(): void {
    this.#set(this.#calm);
  }

  #set(priority: number): void {
    try {
      setPriority(priority);
    } catch {
      // An ordinary user may not: then we wait our turn.
    }
  }
}
