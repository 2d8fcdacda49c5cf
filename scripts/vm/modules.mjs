// OpenZFS's kernel modules for the guest's kernel: ready-built ones where they are at hand, else built by Debian's zfs-dkms in
// a tree of its own (about a quarter of an hour on two cores) and kept for the next image.
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory, moduleDirectories } from './places.mjs';
import { aptOptions, guestSources, suite } from './sources.mjs';
import { RigError, say, tool } from './tools.mjs';

/** dpkg's own words, not a template of ours. */
const VERSION = ['$', '{source:Version}'].join('');
const ARCHIVE = /^zfs-(?<zfs>.+)_linux-(?<kernel>\d.+)\.tar\.zst$/;

/** The archives in the directories, first those that were given. @returns {{ file: string, zfs: string, kernel: string }[]} */
export function moduleArchives(directories = moduleDirectories()) {
  return directories.flatMap((directory) =>
    readdirSync(directory)
      .sort()
      .reverse()
      .flatMap((name) => {
        const found = ARCHIVE.exec(name);
        return found === null
          ? []
          : [{ file: join(directory, name), zfs: found.groups.zfs, kernel: found.groups.kernel }];
      }),
  );
}

/** An archive of modules whose kernel and whose zfsutils Debian still has; built where there is none. */
export async function zfsModules() {
  for (const archive of moduleArchives()) {
    if (await isOffered(`linux-image-${archive.kernel}`)) return archive;
    say(`${archive.file}: Debian has no linux-image-${archive.kernel} (any more)`);
  }
  return buildModules();
}

/** Whether the host's apt can install a package. */
async function isOffered(name) {
  const versions = await tool('apt-cache', ['madison', name]);
  return versions.trim() !== '';
}

async function buildModules() {
  const directory = join(cacheDirectory(), 'modules');
  mkdirSync(directory, { recursive: true });
  const tree = join(directory, `building-${String(process.pid)}`);
  say('building the ZFS modules with zfs-dkms: about a quarter of an hour');
  try {
    await debootstrap(tree, ['linux-image-amd64', 'linux-headers-amd64', 'zfs-dkms', 'build-essential']);
    const [kernel] = readdirSync(join(tree, 'lib/modules'));
    if (kernel === undefined) throw new RigError('linux-image-amd64 brought no /lib/modules');
    const zfs = (await tool('chroot', [tree, 'dpkg-query', '-W', '-f', VERSION, 'zfs-dkms'])).trim();
    await tool('chroot', [tree, 'dkms', 'autoinstall', '-k', kernel]);
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
export async function debootstrap(tree, packages) {
  const options = (await aptOptions()).map((option) => `--aptopt=${option.replace(/;$/, '')}`);
  await tool(
    'mmdebstrap',
    [
      ...['--mode=root', '--variant=minbase', '--format=directory', '--aptopt=APT::Install-Recommends "false"'],
      ...['--dpkgopt=force-unsafe-io', ...options, `--include=${packages.join(',')}`],
      ...[suite, tree, ...(await guestSources())],
    ],
    { env: { INITRD: 'No', DEBIAN_FRONTEND: 'noninteractive' } },
  );
}
