/** T7: whatever changes in the live tree between the clone and the check is found; what only looks like it is not. */
import {
  chmodSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  closeSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createBtrfsDriver } from '#src/adapters/driver-btrfs/index.js';
import { setXattr } from '#src/native/file-metadata.js';
import type { VolumePlace } from '#src/ports/volume-driver.js';
import { rejectsWith } from '../contract/volume-driver.js';
import { makeBtrfs, run } from '../support/btrfs.js';

const driver = createBtrfsDriver();
const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');

/** A shared mapping of a file, open until the test's end, written through without any further system call on the file. */
function mapFile(t: Test, path: string): (text: string) => void {
  const libc = koffi.load('libc.so.6');
  const mmap = libc.func('void *mmap(void *at, size_t bytes, int protection, int flags, int fd, long offset)');
  const fd = openSync(path, 'r+');
  const address: unknown = mmap(null, 4096, 3, 1, fd, 0);
  closeSync(fd);
  const munmap = libc.func('int munmap(void *at, size_t bytes)');
  t.teardown(() => {
    munmap(address, 4096);
  });
  return (text) => {
    koffi.encode(address, koffi.array('char', text.length + 1), text);
  };
}

interface Case {
  readonly name: string;
  /** Before the clone; what it returns runs after. */
  readonly arrange: (live: string, t: Test) => () => void;
  /** A path that must be named; null: any. */
  readonly path: string | null;
}

function simple(name: string, path: string | null, act: (live: string) => void): Case {
  return {
    name,
    path,
    arrange: (live) => () => {
      act(live);
    },
  };
}

const CHANGES: readonly Case[] = [
  simple('a buffered write', 'file', (live) => {
    writeFileSync(join(live, 'file'), 'CONTENT');
  }),
  {
    name: 'a store through a mapping that was open before',
    path: 'file',
    arrange: (live, t) => {
      const store = mapFile(t, join(live, 'file'));
      store('before');
      return () => {
        store('AFTER!');
      };
    },
  },
  simple('an O_DIRECT write', 'large', (live) => {
    run('dd', 'if=/dev/urandom', `of=${join(live, 'large')}`, 'bs=4096', 'count=1', 'seek=2', 'oflag=direct', 'conv=notrunc'); // prettier-ignore
  }),
  {
    name: 'a write to a file without copy-on-write',
    path: 'nocow',
    arrange: (live) => {
      writeFileSync(join(live, 'nocow'), '');
      run('chattr', '+C', join(live, 'nocow'));
      const fd = openSync(join(live, 'nocow'), 'r+');
      writeSync(fd, Buffer.alloc(8192), 0, 8192, 0);
      fsyncSync(fd);
      return () => {
        writeSync(fd, 'x', 0);
        closeSync(fd);
      };
    },
  },
  {
    name: 'a write through a descriptor opened before the tree became read-only',
    path: 'file',
    arrange: (live) => {
      const fd = openSync(join(live, 'file'), 'r+');
      return () => {
        run('btrfs', 'property', 'set', '-ts', live, 'ro', 'true');
        writeSync(fd, 'CONTENT', 0);
        closeSync(fd);
      };
    },
  },
  simple('the same size and content written again to other bytes', 'large', (live) => {
    const fd = openSync(join(live, 'large'), 'r+');
    writeSync(fd, 'y', 40_000);
    closeSync(fd);
    utimesSync(join(live, 'large'), 1, 1);
  }),
  simple('truncation', 'large', (live) => {
    const fd = openSync(join(live, 'large'), 'r+');
    ftruncateSync(fd, 10);
    closeSync(fd);
  }),
  simple('a new file', 'directory/new', (live) => {
    writeFileSync(join(live, 'directory/new'), '');
  }),
  simple('a new directory', 'fresh', (live) => {
    mkdirSync(join(live, 'fresh'));
  }),
  simple('a deleted file', 'directory', (live) => {
    unlinkSync(join(live, 'directory/inner'));
  }),
  simple('a deleted directory', '.', (live) => {
    rmdirSync(join(live, 'empty'));
  }),
  simple('a rename', 'directory/inner2', (live) => {
    renameSync(join(live, 'directory/inner'), join(live, 'directory/inner2'));
  }),
  simple('a mode', 'file', (live) => {
    chmodSync(join(live, 'file'), 0o600);
  }),
  simple('a hard link', null, (live) => {
    linkSync(join(live, 'file'), join(live, 'link'));
  }),
  simple('a symlink', 'symlink', (live) => {
    symlinkSync('nowhere', join(live, 'symlink'));
  }),
  simple('an extended attribute', 'file', (live) => {
    setXattr(Buffer.from(join(live, 'file')), 'user.test', Buffer.from('value'));
  }),
  simple('a hole punched', 'large', (live) => {
    run('fallocate', '--punch-hole', '--offset', '8192', '--length', '4096', join(live, 'large'));
  }),
];

const FALSE_ALARMS: readonly Case[] = [
  simple('reading files and listing directories', null, (live) => {
    run('mount', '-o', 'remount,strictatime', join(live, '..'));
    run('find', live, '-type', 'f', '-exec', 'cat', '{}', '+');
    run('ls', '-R', live);
  }),
  simple('a defragmentation', null, (live) => {
    run('btrfs', 'filesystem', 'defragment', '-r', '-f', '-czstd', live);
  }),
  simple('snapshots of the live tree', null, (live) => {
    run('btrfs', '--quiet', 'subvolume', 'snapshot', live, join(live, '..', 'another'));
  }),
  simple('a balance', null, (live) => {
    run('btrfs', '--quiet', 'balance', 'start', '--full-balance', join(live, '..'));
  }),
];

async function begin(t: Test, arrange: Case['arrange']): Promise<VolumePlace> {
  const btrfs = makeBtrfs(t);
  const live = btrfs.subvolume('live');
  const place = { name: 'db', source: live, publishDirectory: join(btrfs.mount, '.snapcommit/db') };
  await driver.prepare(place);
  writeFileSync(join(live, 'file'), 'content');
  writeFileSync(join(live, 'large'), Buffer.alloc(100_000, 'x'));
  mkdirSync(join(live, 'empty'));
  mkdirSync(join(live, 'directory'));
  writeFileSync(join(live, 'directory/inner'), 'inner');
  const act = arrange(live, t);
  await driver.clone(place, 'clone', null);
  act();
  await driver.setLiveReadOnly(place, true);
  return place;
}

for (const { name, path, arrange } of CHANGES)
  void t.test(`T7 ${name} since the clone is found`, async (t) => {
    const place = await begin(t, arrange);
    const changed = await driver.changedSince(place, 'clone', 10);
    t.not(changed.length, 0);
    if (path !== null) t.ok(changed.includes(path), `${changed.join(', ')} names ${path}`);
  });

for (const { name, arrange } of FALSE_ALARMS)
  void t.test(`${name} since the clone is no change`, async (t) => {
    const place = await begin(t, arrange);
    t.same(await driver.changedSince(place, 'clone', 10), []);
    await driver.setLiveReadOnly(place, false);
    writeFileSync(join(place.source, 'directory/inner'), 'INNER');
    t.same(await driver.changedSince(place, 'clone', 10), ['directory/inner'], 'a change beside it is found');
  });

void t.test('a clone of something else is not compared', async (t) => {
  const place = await begin(t, () => () => undefined);
  await driver.clone(place, 'of-clone', 'clone');
  await rejectsWith(t, driver.changedSince(place, 'of-clone', 10), 'CONFLICT');
});

void t.test('T7 a write that races with the clone is in the clone or found', async (t) => {
  const place = await begin(t, () => () => undefined);
  await driver.setLiveReadOnly(place, false);
  const file = join(place.source, 'file');
  for (let round = 0; round < 20; round++) {
    const name = `race-${String(round)}`;
    const cloned = driver.clone(place, name, null);
    writeFileSync(file, `round ${String(round)}`);
    await cloned;
    const held = readFileSync(join(driver.path(place, name), 'file'), 'utf8');
    const found = await driver.changedSince(place, name, 10);
    if (held !== `round ${String(round)}`)
      t.same(found, ['file'], `round ${String(round)}: not in the clone, so found`);
  }
  t.pass('no write was missed');
});
