/** A typed look into the documents that --json prints. */

/** The value at `path` (`groups.0.open`); undefined where there is none. */
export function at(document: unknown, path: string): unknown {
  let found = document;
  for (const key of path.split('.')) {
    if (typeof found !== 'object' || found === null) return undefined;
    found = new Map<string, unknown>(Object.entries(found)).get(key);
  }
  return found;
}

/** As a text, for messages and patterns. */
export function textAt(document: unknown, path: string): string {
  const found = at(document, path);
  return typeof found === 'string' ? found : JSON.stringify(found);
}
