// The host's Node in the guest: Debian's is too old, and the project's binaries belong to this one.
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { RigError, tool } from './tools.mjs';

/** Parts of glibc, which the guest has of its own: another one's would not fit its loader. */
const OF_GLIBC = /^(ld-linux.*|lib(c|m|dl|pthread|rt|util|resolv))\.so/;

/** Copies this Node, and those of its libraries that the guest lacks, into the guest's tree. */
export async function copyNode(tree) {
  mkdirSync(join(tree, 'usr/local/bin'), { recursive: true });
  mkdirSync(join(tree, 'usr/local/lib'), { recursive: true });
  copyFileSync(process.execPath, join(tree, 'usr/local/bin/node'));
  for (const library of librariesIn(await tool('ldd', [process.execPath]))) {
    const name = basename(library);
    const known = ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu'].some((at) => existsSync(join(tree, at, name)));
    if (!known && !OF_GLIBC.test(name)) copyFileSync(library, join(tree, 'usr/local/lib', name));
  }
  await tool('chroot', [tree, '/sbin/ldconfig']);
  try {
    await tool('chroot', [tree, '/usr/local/bin/node', '-e', '0']);
  } catch (error) {
    throw new RigError(`Node ${process.version} of this machine does not run in the guest's Debian: ${error.message}`);
  }
}

/** The files in what ldd prints. @param {string} text */
export function librariesIn(text) {
  return [...text.matchAll(/=> (\/\S+) \(0x/g)].map((found) => found[1]);
}
