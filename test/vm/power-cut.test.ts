// test-timeout-seconds: 900
/** What the rig's power cut takes away: all that the guest has not flushed, on every filesystem, and nothing else. */
import t from 'tap';
import { bootGuest, type TestGuest } from './rig.js';

const MAKE = `
  set -e
  mkfs.btrfs -q /dev/disk/by-id/virtio-b
  mkdir /srv/b
  mount /dev/disk/by-id/virtio-b /srv/b
  zpool create -O mountpoint=/srv/z z /dev/disk/by-id/virtio-z
  sync
`;
const WRITE = `
  set -e
  for directory in /root /srv/b /srv/z; do
    echo kept >$directory/synced
    sync $directory $directory/synced
    echo lost >$directory/unsynced
  done
  yes block | dd of=/dev/disk/by-id/virtio-raw bs=4096 count=1 iflag=fullblock oflag=direct status=none
  yes block | dd of=/dev/disk/by-id/virtio-raw bs=1M seek=1 count=1 iflag=fullblock oflag=direct conv=fsync status=none
  yes block | dd of=/dev/disk/by-id/virtio-raw bs=1M seek=2 count=1 iflag=fullblock oflag=direct status=none
`;
const block = async (guest: TestGuest, skip: number): Promise<string> =>
  guest.must([
    'sh',
    '-c',
    `dd if=/dev/disk/by-id/virtio-raw bs=1M skip=${String(skip)} count=1 status=none | head -c 5 | tr '\\0' 0`,
  ]);

const guest = await bootGuest(t, { dataDisks: { b: 256, z: 256, raw: 16 } });

await t.test('D4 D7 a power cut takes what was not flushed and leaves what was', async (t) => {
  await guest.must(['sh', '-c', MAKE]);
  await guest.must(['sh', '-c', WRITE]);
  await guest.cutPower();
  await guest.boot();
  await guest.must(['mount', '/dev/disk/by-id/virtio-b', '/srv/b']);
  for (const directory of ['/root', '/srv/b', '/srv/z']) {
    t.equal(await guest.must(['cat', `${directory}/synced`]), 'kept\n', `${directory}: what was synced is there`);
    const { stdout } = await guest.run(['cat', `${directory}/unsynced`]);
    t.equal(stdout, '', `${directory}: what was not is gone`);
  }
  t.equal(await block(guest, 0), 'block', 'a block before a flush is there');
  t.equal(await block(guest, 1), 'block', 'as is the one that was flushed');
  t.equal(
    await block(guest, 2),
    '00000',
    'a block that nobody flushed is gone, though it was written past every cache',
  );
});

await t.test('a reboot in order keeps everything', async (t) => {
  await guest.must(['sh', '-c', 'echo kept >/root/unsynced']);
  await guest.reboot();
  t.equal(await guest.must(['cat', '/root/unsynced']), 'kept\n');
});
