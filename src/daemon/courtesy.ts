/**
 * The courtesy lock: tells a person that another snapcommit is working on this group, and since when. It is never what
 * safety rests on (that is SQLite's lock, the log's rules and the kernel locks): a lock whose owner is gone is ignored.
 * A command waits for it before it does anything else, so its files are changed without turns of a worker thread.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SnapcommitError } from '../errors.js';
import type { ProcessIdentity } from '../machine/entry.js';
import type { Context } from '../participant/context.js';
import { courtesyLock, withFence } from '../participant/fence.js';
import { isAlive } from '../participant/process-identity.js';

interface Owner {
  readonly identity: ProcessIdentity;
  /** RFC 3339. */
  readonly since: string;
}

const POLL_MS = 50;

/** Runs `action` under the courtesy lock of `group`; BUSY when somebody has it, unless `wait`. */
export async function withCourtesy<T>(
  context: Context,
  group: string,
  wait: { readonly signal: AbortSignal } | null,
  action: () => Promise<T>,
): Promise<T> {
  const release = await take(context, group, wait);
  try {
    return await action();
  } finally {
    release();
  }
}

type Release = () => void;

async function take(context: Context, group: string, wait: { readonly signal: AbortSignal } | null): Promise<Release> {
  const directory = join(context.stateDirectory, 'courtesy');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = join(directory, group);
  for (;;) {
    // Looking, breaking and taking are one step: of two who find a dead owner, one would break the other's fresh lock.
    const found = await withFence(context, courtesyLock(group), async () => tryTake(file, context.self));
    if (typeof found === 'function') return found;
    if (wait === null) throw busy(group, found.owner);
    wait.signal.throwIfAborted();
    await delay(POLL_MS);
  }
}

/** The lock's release, or who has it. */
async function tryTake(file: string, self: ProcessIdentity): Promise<Release | { readonly owner: Owner | null }> {
  const { default: lockfile } = await import('proper-lockfile');
  // No name of a group holds an @.
  const lockfilePath = `${file}@lock`;
  for (;;) {
    try {
      const release = lockfile.lockSync(file, { realpath: false, lockfilePath, onCompromised: () => undefined });
      const free = (): void => {
        try {
          release();
        } catch {
          // Somebody broke it: it is not ours any more.
        }
      };
      try {
        const owner: Owner = { identity: self, since: new Date().toISOString() };
        writeFileSync(file, JSON.stringify(owner), { mode: 0o600 });
      } catch (error) {
        free();
        throw error;
      }
      return free;
    } catch (error) {
      if (!isLocked(error)) throw error;
    }
    const owner = readOwner(file);
    if (owner === null || isAlive(owner.identity)) return { owner };
    rmSync(lockfilePath, { recursive: true, force: true });
  }
}

function readOwner(file: string): Owner | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Owner;
  } catch {
    // Whoever took it ended before writing it; proper-lockfile frees it when nobody has touched it for a while.
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
