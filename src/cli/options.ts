/** A typed look at what commander has parsed: it knows only that a value is a text, a list of texts, or a flag. */
import type { OptionValues } from 'commander';

export interface Options {
  /** null where the option was not given. */
  text(name: string): string | null;
  flag(name: string): boolean;
  /** null where the option was not given. */
  list(name: string): readonly string[] | null;
}

/** Options by their names in camel case (`stateDir`). */
export function optionsOf(values: Readonly<OptionValues>): Options {
  const known = new Map<string, unknown>(Object.entries(values));
  return {
    text(name) {
      const value = known.get(name);
      return typeof value === 'string' ? value : null;
    },
    flag(name) {
      return known.get(name) === true;
    },
    list(name) {
      const value = known.get(name);
      return Array.isArray(value) ? value.map((entry) => String(entry)) : null;
    },
  };
}
