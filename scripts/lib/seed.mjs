// The seeds of random tests where a change is judged: the same sources are judged alike however often, and a failure there
// happens again at every desk. Elsewhere each run draws seeds of its own. TigerBeetle seeds its CI by the commit likewise.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { filesBelow, root } from './files.mjs';

const SEED_LIMIT = 2 ** 31;

/** SHA-256 (hex) of the names and contents of everything that is compiled or run here. */
export function sourcesDigest() {
  const hash = createHash('sha256');
  const files = ['src', 'test', 'scripts'].flatMap((folder) => filesBelow(join(root, folder)));
  for (const file of [...files, join(root, 'package-lock.json')])
    hash.update(`${relative(root, file)}\0`).update(createHash('sha256').update(readFileSync(file)).digest());
  return hash.digest('hex');
}

/** A test file's seed, below 2^31. */
export function seedFor(digest, name) {
  return createHash('sha256').update(`${digest} ${name}`).digest().readUInt32BE(0) % SEED_LIMIT;
}
