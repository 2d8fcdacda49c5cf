// Bringing a new build into a running guest without a reboot: over /snapcommit, which is a read-only disk, as a copy in memory.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../lib/files.mjs';
import { PARTS } from './project.mjs';
import { runThrough } from './ssh.mjs';
import { RigError } from './tools.mjs';

// The mounts are private: /run is shared, and the packages mounted below the new copy would show in the old one too.
const UNPACK = `
set -e
new=$(mktemp -d /run/snapcommit-pushed.XXXXXX)
chmod 755 $new
mkdir $new/node_modules
tar -xf - -C $new
umount -R -l /snapcommit
mount --bind --make-private $new /snapcommit
mount -o ro /dev/disk/by-id/virtio-modules /snapcommit/node_modules
for old in /run/snapcommit-pushed.*; do
  [ $old = $new ] || rm -rf --one-file-system $old
done
`;

/** @param {import('./ssh.mjs').Door} door */
export async function pushProject(door) {
  const parts = PARTS.filter((part) => existsSync(join(root, part)));
  const tar = spawn('tar', ['-cf', '-', '-C', root, ...parts], { stdio: ['ignore', 'pipe', 'inherit'] });
  const result = await runThrough(door, ['sh', '-c', UNPACK], { cwd: '/', inputStream: tar.stdout });
  tar.kill();
  if (result.status !== 0) throw new RigError(`the guest does not take the new build:\n${result.output}`);
}
