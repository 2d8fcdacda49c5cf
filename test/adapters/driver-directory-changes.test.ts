/** Whether the directory driver finds every change of the live tree since a clone was made of it. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { setTimes, setXattr } from '#src/native/file-metadata.js';
import { loadKoffi, loadLibc } from '#src/native/library.js';
import { rejectsWith } from '../contract/volume-driver.js';
import { makeDirectoryVolume } from '../support/directory-volume.js';
import { temporaryDirectory } from '../support/temp.js';

const changes: Readonly<Record<string, (tree: string) => void>> = {
  'a write of the same size': (tree) => {
    writeFileSync(join(tree, 'file'), 'CONTENT');
  },
  'a write with the old times put back': (tree) => {
    writeFileSync(join(tree, 'file'), 'CONTENT');
    setTimes(Buffer.from(join(tree, 'file')), 1_000n, 1_000n);
  },
  'a change of mode': (tree) => {
    chmodSync(join(tree, 'file'), 0o640);
  },
  'a change of the root’s mode': (tree) => {
    chmodSync(tree, 0o711);
  },
  'an attribute': (tree) => {
    setXattr(Buffer.from(join(tree, 'file')), 'user.x', Buffer.from('y'));
  },
  'a new file deep down': (tree) => {
    writeFileSync(join(tree, 'd', 'new'), '');
  },
  'a file that came and went': (tree) => {
    writeFileSync(join(tree, 'd', 'brief'), '');
    unlinkSync(join(tree, 'd', 'brief'));
  },
  'a rename': (tree) => {
    renameSync(join(tree, 'file'), join(tree, 'd', 'file'));
  },
  'an exchange of two names': (tree) => {
    renameSync(join(tree, 'd'), join(tree, 'e'));
    mkdirSync(join(tree, 'd'));
  },
  'a hard link': (tree) => {
    linkSync(join(tree, 'file'), join(tree, 'd', 'link'));
  },
  'another target of a symlink': (tree) => {
    unlinkSync(join(tree, 'link'));
    symlinkSync('newhere', join(tree, 'link'));
  },
  'a tree of the same content in its place': (tree) => {
    execFileSync('cp', ['-a', tree, `${tree}.copy`]);
    renameSync(tree, `${tree}.old`);
    renameSync(`${tree}.copy`, tree);
  },
};

for (const [what, change] of Object.entries(changes)) {
  void t.test(`T7 ${what} is found`, async (t) => {
    const { driver, place } = await makeDirectoryVolume(t);
    mkdirSync(join(place.source, 'd'));
    writeFileSync(join(place.source, 'file'), 'content');
    symlinkSync('nowhere', join(place.source, 'link'));
    setTimes(Buffer.from(join(place.source, 'file')), 1_000n, 1_000n);
    await driver.clone(place, 'c', null);
    t.same(await driver.changedSince(place, 'c', 10), []);
    change(place.source);
    t.not((await driver.changedSince(place, 'c', 10)).length, 0);
  });
}

void t.test('reading is no change, and every changed path is named up to the limit', async (t) => {
  const { driver, place } = await makeDirectoryVolume(t);
  for (const name of ['a', 'b', 'c']) writeFileSync(join(place.source, name), 'x');
  await driver.clone(place, 'clone', null);
  readFileSync(join(place.source, 'a'));
  t.same(await driver.changedSince(place, 'clone', 10), []);
  for (const name of ['a', 'c']) writeFileSync(join(place.source, name), 'y');
  t.same(await driver.changedSince(place, 'clone', 10), ['a', 'c']);
  t.same(await driver.changedSince(place, 'clone', 1), ['a']);
});

void t.test('T7 a change right after the clone is found, also in the tick of the last one before it', async (t) => {
  const { driver, place } = await makeDirectoryVolume(t);
  const file = join(place.source, 'file');
  for (let round = 0; round < 20; round += 1) {
    writeFileSync(file, 'before!');
    const name = `c${String(round)}`;
    await driver.clone(place, name, null);
    const copied = readFileSync(join(driver.path(place, name), 'file'), 'utf8');
    writeFileSync(file, 'after!!');
    t.equal(copied, 'before!');
    t.same(await driver.changedSince(place, name, 10), ['file']);
  }
});

void t.test('a clone of a snapshot, and one that is gone or lost its listing', async (t) => {
  const { driver, place } = await makeDirectoryVolume(t);
  await driver.stage(place, 's');
  await driver.clone(place, 'of-snapshot', 's');
  utimesSync(place.source, 1, 1);
  t.same(await driver.changedSince(place, 'of-snapshot', 10), [], 'was never the live tree’s');
  await rejectsWith(t, driver.changedSince(place, 'absent', 10), 'VOLUME_UNAVAILABLE');
  await driver.clone(place, 'c', null);
  rmSync(join(driver.path(place, 'c'), '..', 'listing'));
  await rejectsWith(t, driver.changedSince(place, 'c', 10), 'VOLUME_UNAVAILABLE');
});

/** Stores one byte through a shared mapping of `file` that was dirty before, and again when the result is called. */
function mapFile(file: string): (value: number) => void {
  const [PROT_READ_WRITE, MAP_SHARED] = [3, 1];
  const fd = openSync(file, 'r+');
  ftruncateSync(fd, 4096);
  const mmap = loadLibc().func(
    'void *mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)',
  );
  const address: unknown = mmap(null, 4096, PROT_READ_WRITE, MAP_SHARED, fd, 0);
  closeSync(fd);
  return (value) => {
    loadKoffi().encode(address, 'uint8_t', value);
  };
}

async function mapped(t: Parameters<typeof temporaryDirectory>[0], parent: string): Promise<void> {
  const { driver, place } = await makeDirectoryVolume(t, parent);
  writeFileSync(join(place.source, 'file'), '');
  const store = mapFile(join(place.source, 'file'));
  store(1);
  await driver.clone(place, 'c', null);
  t.same(await driver.changedSince(place, 'c', 10), []);
  store(2);
  t.same(await driver.changedSince(place, 'c', 10), ['file']);
}

void t.test('T7 a store through a mapping that was dirty before the clone is found', async (t) => {
  await mapped(t, temporaryDirectory(t, 'mapped'));
});

if (process.getuid?.() === 0) {
  void t.test('T7 a store through a mapping is found where times do not tell it (tmpfs)', async (t) => {
    const mount = mkdtempSync(join(temporaryDirectory(t, 'tmpfs'), 'mount-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', mount]);
    t.teardown(() => execFileSync('umount', ['-l', mount]));
    await mapped(t, mount);
  });
}
