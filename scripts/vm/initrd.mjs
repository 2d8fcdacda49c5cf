// The guest's first file system: a static busybox, the modules of the root disk, and initrd-init.sh. Debian's own is twenty
// times as big, which an emulated processor takes long to unpack.
import { chmodSync, copyFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { guestFiles } from './places.mjs';
import { tool } from './tools.mjs';

const MODULES = ['virtio_pci', 'virtio_blk', 'ext4'];

/** Makes the ramdisk from what is in the guest's tree. */
export async function makeRamdisk(tree, kernel, file) {
  const stage = join(tree, 'rig-initrd');
  mkdirSync(join(stage, 'bin'), { recursive: true });
  mkdirSync(join(stage, 'modules'));
  copyFileSync(join(tree, 'bin/busybox'), join(stage, 'bin/busybox'));
  copyFileSync(join(guestFiles, 'initrd-init.sh'), join(stage, 'init'));
  chmodSync(join(stage, 'init'), 0o755);
  const depends = await tool('chroot', [tree, '/sbin/modprobe', '-S', kernel, '--show-depends', '-a', ...MODULES]);
  const order = modulesIn(depends);
  for (const module of order) copyFileSync(join(tree, module), join(stage, 'modules', basename(module)));
  writeFileSync(join(stage, 'modules/order'), `${order.map((module) => basename(module)).join('\n')}\n`);
  const pack = 'cd /rig-initrd && find . | sort | cpio --quiet -o -H newc --reproducible >/rig-initrd.cpio';
  await tool('chroot', [tree, 'sh', '-c', pack]);
  renameSync(join(tree, 'rig-initrd.cpio'), file);
  rmSync(stage, { recursive: true });
}

/** The files of `modprobe --show-depends`, each once, in the order to load them. @param {string} text */
export function modulesIn(text) {
  return [...new Set([...text.matchAll(/^insmod (\S+)/gm)].map((found) => found[1]))];
}
