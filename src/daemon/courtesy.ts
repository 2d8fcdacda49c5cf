/**
 * The courtesy lock: tells a person that another snapcommit is working on this group, and since when. It is never what
 * safety rests on (that is SQLite's lock, the log's rules and the kernel locks): a lock whose owner is gone is ignored.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SnapcommitError } from '../errors.js';
import type { ProcessIdentity } from '../machine/entry.js';
import { isAlive } from '../participant/process-identity.js';

interface Owner {
  readonly identity: ProcessIdentity;
  /** RFC 3339. */
  readonly since: string;
}

const POLL_MS = 50;

/** Runs `action` under the courtesy lock of `group`; BUSY when somebody has it, unless `wait`. */
export async function withCourtesy<T>(
  stateDirectory: string,
  group: string,
  self: ProcessIdentity,
  wait: { readonly signal: AbortSignal } | null,
  action: () => Promise<T>,
): Promise<T> {
  const release = await take(stateDirectory, group, self, wait);
  try {
    return await action();
  } finally {
    await release();
  }
}

async function take(
  stateDirectory: string,
  group: string,
  self: ProcessIdentity,
  wait: { readonly signal: AbortSignal } | null,
): Promise<() => Promise<void>> {
  const { default: lockfile } = await import('proper-lockfile');
  const directory = join(stateDirectory, 'courtesy');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const file = join(directory, group);
  for (;;) {
    try {
      const release = await lockfile.lock(file, { realpath: false, onCompromised: () => undefined });
      await writeFile(file, JSON.stringify({ identity: self, since: new Date().toISOString() } satisfies Owner), {
        mode: 0o600,
      });
      return async () => release().catch(() => undefined);
    } catch (error) {
      if (!isLocked(error)) throw error;
    }
    const owner = await readOwner(file);
    if (owner !== null && !isAlive(owner.identity)) {
      await rm(`${file}.lock`, { recursive: true, force: true });
      continue;
    }
    if (wait === null) throw busy(group, owner);
    wait.signal.throwIfAborted();
    await delay(POLL_MS);
  }
}

async function readOwner(file: string): Promise<Owner | null> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Owner;
  } catch {
    // Not written yet, or half written: somebody has just taken it.
    return null;
  }
}

function busy(group: string, owner: Owner | null): SnapcommitError {
  const who =
    owner === null
      ? 'another snapcommit'
      : `another snapcommit (pid ${String(owner.identity.pid)}, since ${owner.since})`;
  const details = owner === null ? { group } : { group, pid: owner.identity.pid, since: owner.since };
  return new SnapcommitError('BUSY', `${who} is working on group ${group}; wait for it, or use --wait.`, details);
}

function isLocked(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ELOCKED';
}
