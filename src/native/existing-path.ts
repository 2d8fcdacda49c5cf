import { lstat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** The path itself, or the nearest directory above it that is there. */
export async function nearestExisting(path: string): Promise<string> {
  try {
    await lstat(path);
    return path;
  } catch (failure) {
    if (!(failure instanceof Error && 'code' in failure && failure.code === 'ENOENT')) throw failure;
    return nearestExisting(dirname(path));
  }
}
