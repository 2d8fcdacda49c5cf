/** A snapshot that was written to after it was made: seen where its root has an owner who may make it writable. */
import { chmodSync, chownSync, closeSync, constants, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createBtrfsDriver } from '#src/adapters/driver-btrfs/index.js';
import { ioctl, requestReadWrite } from '#src/native/ioctl.js';
import type { VolumePlace } from '#src/ports/volume-driver.js';
import { makeBtrfs, run } from '../support/btrfs.js';
import { requireBtrfs } from '../support/requirements.js';

requireBtrfs(t);

const driver = createBtrfsDriver();
const NOBODY = 65534;
const BYTES = 256 * 1024;

interface Subject {
  readonly place: VolumePlace;
  readonly mount: string;
  /** Of the snapshot. */
  readonly path: string;
  doubts(): Promise<readonly string[]>;
}

async function makeSubject(t: Test, owner: number): Promise<Subject> {
  const { mount, outside, subvolume } = makeBtrfs(t);
  chmodSync(outside, 0o755);
  const place = { name: 'db', source: subvolume('live'), publishDirectory: join(mount, '.snapcommit/db') };
  await driver.prepare(place);
  for (const name of ['file', 'same']) {
    writeFileSync(join(place.source, name), Buffer.alloc(BYTES, 'x'));
    chownSync(join(place.source, name), owner, owner);
  }
  chownSync(place.source, owner, owner);
  await driver.stage(place, 'snapshot');
  return {
    place,
    mount,
    path: driver.path(place, 'snapshot'),
    doubts: async () => driver.doubts?.(place, 'snapshot') ?? [],
  };
}

function asNobody(...command: readonly string[]): void {
  run('setpriv', `--reuid=${String(NOBODY)}`, `--regid=${String(NOBODY)}`, '--clear-groups', ...command);
}

/** What a deduplicator does: shares the extent of one file with the same bytes of another, here in a read-only tree. */
function deduplicate(from: string, to: string): void {
  const [source, target] = [openSync(from, constants.O_RDONLY), openSync(to, constants.O_RDONLY)];
  const range = Buffer.alloc(56);
  range.writeBigUInt64LE(BigInt(BYTES), 8);
  range.writeUInt16LE(1, 16);
  range.writeBigInt64LE(BigInt(target), 24);
  ioctl(source, requestReadWrite(0x94, 54, 24), range, 'FIDEDUPERANGE', to);
  if (range.readInt32LE(48) !== 0) throw new Error(`not deduplicated: ${String(range.readInt32LE(48))}`);
  closeSync(source);
  closeSync(target);
}

void t.test('a snapshot that its owner wrote to and made read-only again is told', async (t) => {
  const { path, doubts } = await makeSubject(t, NOBODY);
  t.same(await doubts(), []);
  asNobody('btrfs', 'property', 'set', '-ts', path, 'ro', 'false');
  asNobody('sh', '-c', 'printf evil >"$0"', join(path, 'file'));
  asNobody('btrfs', 'property', 'set', '-ts', path, 'ro', 'true');
  t.equal(readFileSync(join(path, 'file'), 'utf8'), 'evil');
  t.match(await doubts(), [new RegExp(`^${path} was written to after it was committed: by its owner \\(user ${String(NOBODY)}\\)`)]); // prettier-ignore
});

void t.test('a write that is still in memory is told', async (t) => {
  const { path, doubts } = await makeSubject(t, NOBODY);
  run('btrfs', 'property', 'set', '-ts', path, 'ro', 'false');
  const fd = openSync(join(path, 'file'), 'r+');
  run('btrfs', 'property', 'set', '-ts', path, 'ro', 'true');
  writeFileSync(fd, 'evil');
  closeSync(fd);
  t.match(await doubts(), { length: 1 });
});

void t.test(
  'a deduplicator is named as the other cause, and told of only where root does not own the tree',
  async (t) => {
    const owned = await makeSubject(t, NOBODY);
    deduplicate(join(owned.place.source, 'same'), join(owned.path, 'file'));
    t.match(await owned.doubts(), [/or by a deduplicator/]);
    const ofRoot = await makeSubject(t, 0);
    deduplicate(join(ofRoot.place.source, 'same'), join(ofRoot.path, 'file'));
    t.same(await ofRoot.doubts(), []);
  },
);

void t.test('what maintenance does, and a seal, raise no doubt', async (t) => {
  const { place, mount, path, doubts } = await makeSubject(t, NOBODY);
  run('mount', '-o', 'remount,strictatime', mount);
  readFileSync(join(path, 'file'));
  run('btrfs', '--quiet', 'balance', 'start', '--full-balance', mount);
  run('btrfs', '--quiet', 'send', '-f', join(mount, 'sent'), path);
  run('btrfs', 'filesystem', 'defragment', '-r', '-f', place.source);
  run('btrfs', 'quota', 'enable', mount);
  run('btrfs', 'quota', 'rescan', '-w', mount);
  await driver.rename(place, 'snapshot', 'renamed');
  await driver.rename(place, 'renamed', 'snapshot');
  t.same(await doubts(), []);
  await driver.clone(place, 'clone', null);
  writeFileSync(join(driver.path(place, 'clone'), 'file'), 'changed');
  await driver.seal(place, 'clone', 'sealed');
  t.same(await driver.doubts?.(place, 'sealed'), []);
  t.same(await doubts(), []);
});
