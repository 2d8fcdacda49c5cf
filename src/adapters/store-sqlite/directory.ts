/** The store's directory: making it, and making what happened in it durable. */
import { accessSync, closeSync, constants, existsSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';

/** Makes what was created, linked or renamed in `directory` durable (D7). */
export function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Makes `directory` (mode 0700) with every parent that is missing, durably. One that exists is left as it is. */
export function makeDirectory(directory: string): void {
  assertMayMakeIn(nearestExisting(directory));
  const first = mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = directory; made.length >= first.length; made = dirname(made)) syncDirectory(dirname(made));
}

/** Node's recursive mkdir says ENOENT where the kernel says EROFS or EACCES: ask first. */
function assertMayMakeIn(directory: string): void {
  accessSync(directory, constants.W_OK);
}

function nearestExisting(path: string): string {
  return existsSync(path) ? path : nearestExisting(dirname(path));
}
