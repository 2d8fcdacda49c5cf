// OpenZFS's kernel modules for the guest's kernel: ready-built ones where they are at hand, else built by Debian's zfs-dkms in
// a tree of its own (about a quarter of an hour on two cores) and kept for the next image.
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { aptPreferences } from './openzfs.mjs';
import { builtModules, moduleDirectories } from './places.mjs';
import { aptOptions, guestSources, suite } from './sources.mjs';
import { RigError, say, tool } from './tools.mjs';

/** dpkg's own words, not a template of ours. */
const VERSION = ['$', '{source:Version}'].join('');
/** Where zfs-dkms did not do it while it was installed. While the hook runs /proc is mounted in the tree, which dkms reads. */
const BUILD = 'chroot "$1" sh -c "ls /lib/modules | xargs -n 1 dkms autoinstall -k"';
const ARCHIVE = /^zfs-(?<zfs>.+)_linux-(?<kernel>\d.+)\.tar\.zst$/;

/** The archives of a version, first those that were given. @returns {{ file: string, zfs: string, kernel: string }[]} */
export function moduleArchives(version, directories = moduleDirectories(version)) {
  return directories.flatMap((directory) =>
    readdirSync(directory)
      .sort()
      .reverse()
      .flatMap((name) => {
        const found = ARCHIVE.exec(name);
        return found === null || !found.groups.zfs.startsWith(`${version}.`)
          ? []
          : [{ file: join(directory, name), zfs: found.groups.zfs, kernel: found.groups.kernel }];
      }),
  );
}

/** An archive of modules whose kernel Debian still has; built where there is none. @param {import('./openzfs.mjs').OpenZfs} openzfs */
export async function zfsModules(openzfs) {
  for (const archive of moduleArchives(openzfs.version)) {
    if (await isOffered(`linux-image-${archive.kernel}`)) return archive;
    say(`${archive.file}: Debian has no linux-image-${archive.kernel} (any more)`);
  }
  return buildModules(openzfs);
}

/** Whether the host's apt can install a package. */
async function isOffered(name) {
  const versions = await tool('apt-cache', ['madison', name]);
  return versions.trim() !== '';
}

async function buildModules(openzfs) {
  const directory = builtModules(openzfs.version);
  mkdirSync(directory, { recursive: true });
  const tree = join(directory, `building-${String(process.pid)}`);
  say(`building the modules of OpenZFS ${openzfs.version} with zfs-dkms: about a quarter of an hour`);
  try {
    const packages = ['linux-image-amd64', 'linux-headers-amd64', 'zfs-dkms', 'build-essential'];
    await debootstrap(tree, openzfs, packages, [`--customize-hook=${BUILD}`]);
    const [kernel] = readdirSync(join(tree, 'lib/modules'));
    if (kernel === undefined) throw new RigError('linux-image-amd64 brought no /lib/modules');
    const zfs = (await tool('chroot', [tree, 'dpkg-query', '-W', '-f', VERSION, 'zfs-dkms'])).trim();
    const file = join(directory, `zfs-${zfs}_linux-${kernel}.tar.zst`);
    const built = join(tree, 'lib/modules', kernel, 'updates/dkms');
    await tool('tar', ['--zstd', '-cf', `${file}.new`, '-C', built, '.']);
    renameSync(`${file}.new`, file);
    return { file, zfs, kernel };
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}

/** A Debian tree with some packages. The kernel's packages make no ramdisk: the rig makes its own. */
export async function debootstrap(tree, openzfs, packages, hooks = []) {
  const preferences = aptPreferences(openzfs, suite);
  const options = (await aptOptions()).map((option) => `--aptopt=${option.replace(/;$/, '')}`);
  await tool(
    'mmdebstrap',
    [
      ...['--mode=root', '--variant=minbase', '--format=directory', '--aptopt=APT::Install-Recommends "false"'],
      ...['--dpkgopt=force-unsafe-io', ...options, `--include=${packages.join(',')}`],
      ...(preferences === null ? [] : [`--setup-hook=${writing(preferences, 'etc/apt/preferences.d/openzfs')}`]),
      ...hooks,
      ...[suite, tree, ...(await guestSources(openzfs))],
    ],
    { env: { INITRD: 'No', DEBIAN_FRONTEND: 'noninteractive' } },
  );
}

/** A command of a hook that writes a file of the tree. */
function writing(text, path) {
  return `printf '${text.replaceAll('\n', String.raw`\n`)}' >"$1/${path}"`;
}
