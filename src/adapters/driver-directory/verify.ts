/** Whether a snapshot still holds what was copied: the kernel does not protect a plain copy, its digest tells. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { VolumePlace } from '../../ports/volume-driver.js';
import { compareLines, type Difference } from './compare-lines.js';
import { isMissing, reasonOf, TreeAccessError } from './failures.js';
import { readIdentity } from './identity.js';
import { indexTree } from './index-file.js';
import { entryPaths } from './layout.js';
import { parseLines } from './listing.js';

const NAMED_MAX = 100;
const FIELDS = [
  'type',
  'mode',
  'uid',
  'gid',
  'mtimeNs',
  'size',
  'sha256',
  'target',
  'device',
  'linkTo',
  'attributes',
] as const;

/** What is wrong, at most 100 findings; empty: nothing. A clone, which may be written to, has nothing to verify. */
export async function verifySnapshot(volume: VolumePlace, name: string): Promise<readonly string[]> {
  const paths = entryPaths(volume, name);
  const identity = await readIdentity(paths.identity);
  if (identity === null) return [`${paths.wrapper}: is missing, or its identity is`];
  if (identity.kind === 'clone') return [];
  if ((await digestFile(paths.index)) !== identity.digest)
    return [`${paths.index}: is missing or damaged, so the tree cannot be verified`];
  const found: string[] = [];
  try {
    for await (const difference of compareLines(parseLines(paths.index), indexTree(paths.tree), FIELDS)) {
      found.push(`${paths.tree}/${difference.path}: ${describe(difference)}`);
      if (found.length >= NAMED_MAX) break;
    }
  } catch (error) {
    if (error instanceof TreeAccessError) found.push(`${error.path}: cannot be read (${reasonOf(error)})`);
    else if (isMissing(error)) found.push(`${paths.tree}: is missing`);
    else throw error;
  }
  return found;
}

function describe(difference: Difference): string {
  switch (difference.kind) {
    case 'added':
      return 'was added';
    case 'removed':
      return 'is missing';
    case 'changed':
      return `differs in ${difference.fields.join(', ')}`;
  }
}

/** SHA-256 (hex) of a file, or null where it is not there. */
async function digestFile(path: string): Promise<string | null> {
  const hash = createHash('sha256');
  try {
    const file = await open(path, 'r');
    for await (const chunk of file.createReadStream()) hash.update(chunk as Buffer);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
  return hash.digest('hex');
}
