/** Which mounts are those that the kernel made of a snapshot for whoever looked into it. */
import t from 'tap';
import { mountPointsOf } from '#src/adapters/driver-zfs/readers.js';
import type { Mount } from '#src/native/mountinfo.js';

function mount(source: string, mountPoint: string, type = 'zfs'): Mount {
  return { id: 1, parent: 0, device: '0:1', root: '/', mountPoint, options: [], shared: true, type, source };
}

void t.test('G10 what the kernel mounted of a snapshot is found whatever it was called then, and nothing else', (t) => {
  const mounts = [
    mount('tank/db', '/srv/db'),
    mount('tank/db@app:1', '/srv/db/.zfs/snapshot/.staged:-1'),
    mount('tank/db@app:1', '/mnt/by-hand'),
    mount('tank/db@app:1', '/srv/.snapcommit/tree/.zfs/snapshot/app:1'),
    mount('tank/db@app:12', '/srv/db/.zfs/snapshot/app:12'),
    mount('tank/db@app:1', '/else/.zfs/snapshot/app:1', 'tmpfs'),
  ];
  t.strictSame(mountPointsOf('tank/db@app:1', mounts), [
    '/srv/db/.zfs/snapshot/.staged:-1',
    '/srv/.snapcommit/tree/.zfs/snapshot/app:1',
  ]);
  t.strictSame(mountPointsOf('tank/db@app:2', mounts), []);
  t.end();
});
