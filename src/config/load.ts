/**
 * The settings file, `<state directory>/config.json`. Most machines have none: then nothing is loaded, not even the
 * schema's library. What the file may say stands in schema.ts.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SnapcommitError } from '../errors.js';
import type { FileSettings } from './schema.js';

export const CONFIG_FILE = 'config.json';

/** The settings that the file gives; empty where there is none. USAGE where it is not valid, DENIED where it may not be read. */
export async function loadSettings(stateDirectory: string): Promise<FileSettings> {
  const file = join(stateDirectory, CONFIG_FILE);
  const text = readIfPresent(file);
  if (text === null) return {};
  const { parseSettings } = await import('./schema.js');
  return parseSettings(file, text);
}

function readIfPresent(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const errno = error instanceof Error && 'code' in error ? String(error.code) : '';
    // Without a state directory there are no settings; whoever opens it says that it is missing.
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return null;
    const code = errno === 'EACCES' || errno === 'EPERM' ? 'DENIED' : 'USAGE';
    throw new SnapcommitError(
      code,
      `the settings file ${file} cannot be read (${errno}).`,
      { path: file, errno },
      error,
    );
  }
}
