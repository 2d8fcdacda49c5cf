/** How often something happened in a world, or in many: faults that fired, branches that were reached. */
export class Tally {
  readonly #counts = new Map<string, number>();

  count(name: string, times = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + times);
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  add(other: Readonly<Record<string, number>>): void {
    for (const [name, times] of Object.entries(other)) this.count(name, times);
  }

  /** Sorted by name. */
  all(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
