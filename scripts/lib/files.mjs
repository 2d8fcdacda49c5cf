// Looking at files: finding them and telling whether an output still belongs to its sources.
// Plain Node: this runs before anything is installed.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout's top directory. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Every file below `directory` whose path `wanted` accepts, sorted; empty where there is no such directory. */
export function filesBelow(directory, wanted = () => true) {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter(wanted)
    .sort();
}

/** A digest of paths, sizes and change times: another one means that something was edited, added or removed. */
export function fingerprint(files) {
  const hash = createHash('sha256');
  for (const file of files) {
    const { size, mtimeMs } = statSync(file);
    hash.update(`${relative(root, file)} ${String(size)} ${String(mtimeMs)}\n`);
  }
  return hash.digest('hex');
}

/** SHA-256 (hex) of a file's content. */
export function digestOf(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

/** The text of a small file, or null where there is none. */
export function textOf(file) {
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : null;
}

/** Removes compiled files whose TypeScript source is gone, so that nobody imports or runs a ghost. */
export function removeOrphans(outputs, sources) {
  for (const file of filesBelow(outputs, (path) => /\.(js|d\.ts)$/.test(path))) {
    const source = join(sources, relative(outputs, file)).replace(/(\.d\.ts|\.js)$/, '.ts');
    if (!existsSync(source)) rmSync(file);
  }
}
