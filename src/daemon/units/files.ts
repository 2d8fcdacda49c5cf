/** Unit files on disk: read, written whole, removed. Nothing is decided here. */
import { lstat, mkdir, readFile } from 'node:fs/promises';
import { SnapcommitError, type ErrorCode } from '../../errors.js';
import { removeDurably, writeDurably } from '../../native/durable-file.js';

/** systemd wants to read them as anybody. */
const MODE = 0o644;

/** The text; null where there is nothing; empty for what is no plain file, such as the link of a masked unit. */
export async function readUnit(path: string): Promise<string | null> {
  return told(path, async () => {
    const found = await lstat(path).catch(orNull);
    if (found === null) return null;
    return found.isFile() ? readFile(path, 'utf8') : '';
  });
}

/** Whole under its name, and durable, when this resolves. */
export async function writeUnit(path: string, content: string): Promise<void> {
  await told(path, async () => writeDurably(path, content, MODE));
}

export async function removeUnit(path: string): Promise<void> {
  await told(path, async () => removeDurably(path));
}

export async function makeUnitDirectory(path: string): Promise<void> {
  await told(path, async () => mkdir(path, { recursive: true }));
}

async function told<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const errno = error instanceof Error && 'code' in error ? String(error.code) : '';
    const code: ErrorCode = errno === 'EACCES' || errno === 'EPERM' ? 'DENIED' : 'UNAVAILABLE';
    const reason = error instanceof Error ? error.message : String(error);
    const advice = code === 'DENIED' ? 'Run as root.' : 'Mend that, then run it again: what was written stands.';
    throw new SnapcommitError(code, `cannot use ${path}: ${reason}. ${advice}`, { path }, error);
  }
}

function orNull(error: unknown): null {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
  throw error;
}
