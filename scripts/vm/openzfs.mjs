// Which OpenZFS a guest has: bookworm's own, or a later one from its backports, both on bookworm's kernel.
import { RigError } from './tools.mjs';

/** The variable that chooses; `--openzfs` of the commands sets it, so that whatever they start has the same. */
export const OPENZFS_VARIABLE = 'SNAPCOMMIT_VM_OPENZFS';
const DEFAULT = '2.1';

/** @typedef {{ version: string, backport: boolean }} OpenZfs `backport`: it is in the suite's backports */
const KNOWN = new Map([
  ['2.1', { version: '2.1', backport: false }],
  ['2.3', { version: '2.3', backport: true }],
]);

/** @returns {OpenZfs} the one that was chosen */
export function chosenOpenZfs(env = process.env) {
  const version = env[OPENZFS_VARIABLE] ?? DEFAULT;
  const known = KNOWN.get(version);
  if (known !== undefined) return known;
  throw new RigError(
    `the rig has no OpenZFS ${version}: choose one of ${[...KNOWN.keys()].join(', ')} (--openzfs or ${OPENZFS_VARIABLE})`,
  );
}

/** Takes an `--openzfs VERSION` of a command line as the choice; undefined: it was not given. */
export function chooseOpenZfs(version, env = process.env) {
  if (version !== undefined) env[OPENZFS_VARIABLE] = version;
  return chosenOpenZfs(env);
}

/** apt's preferences in a guest's tree, null for none: only OpenZFS comes from the backports. @param {OpenZfs} openzfs */
export function aptPreferences({ backport }, suite) {
  return backport ? `Package: src:zfs-linux\nPin: release n=${suite}-backports\nPin-Priority: 990\n` : null;
}
