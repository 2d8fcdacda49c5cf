// The guest's image: a directory with kernel, ramdisk, root disk and the key that opens it, named by a digest of what it is
// made of. It is built under another name and renamed when it is whole; a running guest never changes it.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { digestOf, filesBelow } from '../lib/files.mjs';
import { makeRamdisk } from './initrd.mjs';
import { debootstrap, zfsModules } from './modules.mjs';
import { cacheDirectory, guestFiles } from './places.mjs';
import { copyNode } from './node-runtime.mjs';
import { guestSources, packagesOf } from './sources.mjs';
import { say, tool } from './tools.mjs';

/** Room for the guest's own files; the image is sparse. */
const ROOT_DISK = '4G';
/** Modules that no guest of ours has hardware for. */
const UNUSED_MODULES = [
  'drivers/gpu',
  'drivers/media',
  'drivers/net/wireless',
  'drivers/infiniband',
  'drivers/isdn',
  'sound',
];

/**
 * @typedef {{ directory: string, kernel: string, ramdisk: string, rootDisk: string, key: string, release: string,
 *   zfs: string }} Image `zfs`: its OpenZFS's version
 */

/** The image with an OpenZFS, built where there is none. @param {import('./openzfs.mjs').OpenZfs} openzfs @returns {Promise<Image>} */
export async function ensureImage(openzfs) {
  const inputs = await imageInputs(openzfs);
  const directory = join(cacheDirectory(), `image-${keyOf(inputs)}`);
  if (!existsSync(directory)) await build(directory, inputs);
  return {
    directory,
    kernel: join(directory, 'vmlinuz'),
    ramdisk: join(directory, 'initrd'),
    rootDisk: join(directory, 'root.ext4'),
    key: join(directory, 'key'),
    release: readFileSync(join(directory, 'release'), 'utf8').trim(),
    zfs: inputs.modules.zfs,
  };
}

/** What decides what is in the image. Debian's point releases do not: an image lives until somebody removes it. */
async function imageInputs(openzfs) {
  const modules = await zfsModules(openzfs);
  const used = filesBelow(guestFiles, (file) => !basename(file).startsWith('install-'));
  const files = used.map((file) => `${basename(file)} ${digestOf(file)}`);
  const node = `${process.version} ${digestOf(process.execPath)}`;
  return { openzfs, modules, parts: ['format 1', ...files, basename(modules.file), digestOf(modules.file), node] };
}

/** A short digest of an image's inputs. @param {{ parts: readonly string[] }} inputs */
export function keyOf({ parts }) {
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 16);
}

async function build(directory, { openzfs, modules }) {
  say(`building the guest's image (Debian, ZFS ${modules.zfs}, Linux ${modules.kernel}): two to five minutes`);
  mkdirSync(cacheDirectory(), { recursive: true });
  removeAbandoned();
  const work = `${directory}.building-${String(process.pid)}`;
  mkdirSync(work, { mode: 0o700 });
  try {
    const tree = join(work, 'tree');
    const packages = [...packagesOf('base', 'btrfs', 'zfs', 'rig'), `linux-image-${modules.kernel}`];
    await debootstrap(tree, openzfs, packages);
    await addModules(tree, modules);
    await copyNode(tree);
    await provision(tree);
    await tool('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'rig', '-f', join(work, 'key')]);
    writeFileSync(join(tree, 'root/.ssh/authorized_keys'), readFileSync(join(work, 'key.pub')), { mode: 0o600 });
    await makeRamdisk(tree, modules.kernel, join(work, 'initrd'));
    renameSync(join(tree, 'boot', `vmlinuz-${modules.kernel}`), join(work, 'vmlinuz'));
    say('writing the root disk');
    await tool('mke2fs', ['-q', '-t', 'ext4', '-L', 'root', '-d', tree, join(work, 'root.ext4'), ROOT_DISK]);
    writeFileSync(join(work, 'release'), `${modules.kernel}\n`);
    writeFileSync(join(work, 'sources'), `${(await guestSources(openzfs)).join('\n')}\n`);
    rmSync(tree, { recursive: true });
    renameSync(work, directory);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  say(`built ${directory}`);
}

/** Trees of builds that were killed. */
function removeAbandoned() {
  for (const name of readdirSync(cacheDirectory())) {
    const pid = /\.building-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmSync(join(cacheDirectory(), name), { recursive: true });
  }
}

async function addModules(tree, { file, kernel }) {
  const at = join(tree, 'lib/modules', kernel);
  for (const name of UNUSED_MODULES) rmSync(join(at, 'kernel', name), { recursive: true, force: true });
  mkdirSync(join(at, 'updates/dkms'), { recursive: true });
  await tool('tar', ['--zstd', '-xf', file, '--no-same-owner', '-C', join(at, 'updates/dkms')]);
  await tool('chroot', [tree, '/sbin/depmod', kernel]);
}

/** The configuration that vagrant/ shares, then the rig's own. */
async function provision(tree) {
  for (const [script, ...args] of [['provision.sh', 'both'], ['rig.sh']]) {
    const inside = join(tree, 'root', script);
    writeFileSync(inside, readFileSync(join(guestFiles, script)));
    await tool('chroot', [tree, 'sh', `/root/${script}`, ...args], { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } });
    rmSync(inside);
  }
}
