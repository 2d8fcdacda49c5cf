/** Reading a secret from a file or stdin: never from an argument, which every user of the machine can see. */
import { closeSync, openSync } from 'node:fs';
import { usage } from './failure.js';
import type { Io } from './io.js';
import { readUpTo } from './read-up-to.js';

const SECRET_BYTES_MAX = 64 * 1024;

/** `file`: absolute; null is stdin. `what`: for messages, such as `the token`. Without the spaces around it. */
export function readSecret(file: string | null, what: string, io: Io): string {
  const where = file ?? 'stdin';
  const text = file === null ? io.readStdin(SECRET_BYTES_MAX) : readSmallFile(file, what);
  if (text === null) throw usage(`${where} holds more than ${what} can be.`, { source: where });
  const secret = text.trim();
  if (secret === '') throw usage(`${where} is empty; it shall hold ${what}.`, { source: where });
  return secret;
}

function readSmallFile(file: string, what: string): string | null {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch (error) {
    const errno = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (errno === 'EACCES' || errno === 'EPERM') throw error;
    throw usage(`${file} cannot be read (${errno}); name the file that holds ${what}.`, { path: file, errno });
  }
  try {
    return readUpTo(descriptor, SECRET_BYTES_MAX);
  } catch (error) {
    const errno = error instanceof Error && 'code' in error ? String(error.code) : '';
    throw usage(`${file} cannot be read (${errno}); name the file that holds ${what}.`, { path: file, errno });
  } finally {
    closeSync(descriptor);
  }
}
