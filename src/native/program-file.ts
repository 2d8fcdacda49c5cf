/** Where the small programs that we start stand. This file is one folder below the build's root, as is the bundle. */
import { fileURLToPath } from 'node:url';

/** The absolute path of a built file, named from the build's root: `adapters/sandbox/launcher-main.js`. */
export function programFile(name: string): string {
  return fileURLToPath(new URL(`../${name}`, import.meta.url));
}
