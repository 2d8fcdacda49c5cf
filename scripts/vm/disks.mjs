// A guest's own disks, behind nbdkit's write-back cache: what the guest has not flushed lives in nbdkit only, and is lost with
// it. QEMU itself and the host's page cache would keep such writes beyond a kill -9, so that no power cut would be one.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { RigError, tool } from './tools.mjs';

/** How far a root disk's overlay can grow: its virtual size and the format's own tables. */
const OVERLAY_ROOM = 6 * 1024 ** 3;

/** @typedef {{ name: string, file: string, format: 'raw' | 'qcow2', socket: string, readOnly: boolean }} Disk */

/** The root disk of one guest: the changes to the image's. @returns {Promise<Disk>} */
export async function makeRootDisk(directory, base) {
  const file = join(directory, 'root.qcow2');
  await tool('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', base, file]);
  // An NBD export has a fixed size, and the overlay grows inside it (as one on a logical volume does).
  truncateSync(file, OVERLAY_ROOM);
  return { name: 'root', file, format: 'qcow2', socket: join(directory, 'root.nbd') };
}

/** An empty disk of so many bytes. @returns {Disk} */
export function makeDataDisk(directory, name, bytes) {
  const file = join(directory, `${name}.raw`);
  closeSync(openSync(file, 'wx'));
  truncateSync(file, bytes);
  return { name, file, format: 'raw', socket: join(directory, `${name}.nbd`) };
}

/** Starts the server of a disk; it ends with us, whatever ends us. */
export async function serveDisk({ name, file, socket }, log) {
  rmSync(socket, { force: true });
  const cache = ['--filter=cache', 'file', file, 'cache=writeback'];
  const server = spawn('nbdkit', ['--foreground', '--exit-with-parent', '--unix', socket, ...cache], {
    stdio: ['ignore', log, log],
  });
  await new Promise((resolve, reject) => {
    const poll = setInterval(() => existsSync(socket) && done(resolve), 20);
    const ended = () => done(() => reject(new RigError(`nbdkit does not serve the disk ${name} (${file})`)));
    const done = (then) => {
      clearInterval(poll);
      server.off('exit', ended).off('error', ended);
      then();
    };
    server.once('exit', ended).once('error', ended);
  });
  return server;
}
