/** What a test's `teardown` is, for programs that are no tests: what was made is taken away in the opposite order. */
export class Scope {
  readonly #undo: (() => unknown)[] = [];

  teardown(action: () => unknown): void {
    this.#undo.push(action);
  }

  /** All of it is tried; the first failure is told. */
  async end(): Promise<void> {
    const failures: unknown[] = [];
    for (const action of this.#undo.splice(0).reverse()) {
      try {
        await action();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
