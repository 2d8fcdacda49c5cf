/** How this process can get a private mount namespace: as root, through a user namespace, or not at all. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export const UNSHARE = '/usr/bin/unshare';
const CAP_SYS_ADMIN = 21n;

export type MountMode = 'root' | 'user namespace';

/** Root needs no user namespace, unless a container took its right to mount. */
export function mountMode(): MountMode {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const mayMount = ((BigInt(`0x${effective}`) >> CAP_SYS_ADMIN) & 1n) === 1n;
  return process.geteuid?.() === 0 && mayMount ? 'root' : 'user namespace';
}

/**
 * The arguments that run a program in a private mount namespace. An ordinary user keeps his own uid in it, so that the
 * command is nobody else than it would be outside; the launcher holds the namespace's capabilities only until it has
 * made its mounts, so the command cannot take them away again.
 *
 * What is mounted and unmounted outside goes on to happen inside (`slave`), never the other way round: a ZFS snapshot is
 * mounted outside by whoever looks into it first, and one that is unmounted there could not be destroyed, nor a clone be
 * mounted as the live tree, while a copy of its mount stood in here.
 */
export function unshareArguments(mode: MountMode): readonly string[] {
  const user = mode === 'root' ? [] : ['--user', '--map-current-user', '--keep-caps'];
  return [...user, '--mount', '--propagation', 'slave', '--'];
}

/** Tries it with a program that does nothing. */
export function probeMounts(): { readonly mounts: MountMode | 'no'; readonly reason: string | null } {
  const mode = mountMode();
  const tried = spawnSync(UNSHARE, [...unshareArguments(mode), '/usr/bin/true'], { env: {}, encoding: 'utf8' });
  if (tried.error !== undefined) {
    return { mounts: 'no', reason: `${UNSHARE} could not be run (${tried.error.message}); install util-linux` };
  }
  if (tried.status === 0) return { mounts: mode, reason: null };
  return {
    mounts: 'no',
    reason: `the kernel refuses a ${mode === 'root' ? 'mount' : 'user'} namespace: ${tried.stderr.trim()}`,
  };
}
