/** Work of several kinds side by side, each at most once at a time: none waits for another that is slow or stuck. */
export class Works {
  readonly #running = new Map<string, Promise<void>>();

  /** Begins it, unless it is under way. `act` must not reject. */
  begin(name: string, act: () => Promise<void>): void {
    if (this.#running.has(name)) return;
    const running = act().finally(() => this.#running.delete(name));
    this.#running.set(name, running);
  }

  /** Resolves when what is under way now has ended. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#running.values());
  }
}
