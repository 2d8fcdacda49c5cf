// Where the rig keeps what it builds: outside the tree, so that every checkout of a machine shares one image.
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from '../lib/files.mjs';

/** The rig's shell files and package lists, shared with vagrant/. */
export const guestFiles = join(dirname(fileURLToPath(import.meta.url)), 'guest');

/** The directory of images, disks and running guests: SNAPCOMMIT_VM_DIRECTORY, or one of the user's cache. */
export function cacheDirectory(env = process.env) {
  return env.SNAPCOMMIT_VM_DIRECTORY ?? join(env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'snapcommit', 'vm');
}

/** Where kernel modules that were built here are kept, by OpenZFS's version. */
export function builtModules(version, env = process.env) {
  return join(cacheDirectory(env), `modules-${version}`);
}

/** Where ready-built kernel modules may lie: SNAPCOMMIT_VM_CACHE, or shared/vm-cache beside the checkout; then our own. */
export function moduleDirectories(version, env = process.env) {
  const given = env.SNAPCOMMIT_VM_CACHE ?? join(dirname(root), 'shared', 'vm-cache');
  return [given, builtModules(version, env)].filter((directory) => existsSync(directory));
}
