/** The VolumeDriver contract's part on the live tree: free space, read-only, what changed, and exchanging it. */
import type { Test } from 'tap';
import { rejectsWith, type MakeContractVolume } from './volume-driver-subject.js';

export function liveTree(t: Test, prepared: MakeContractVolume): void {
  void t.test('free space is told for data and metadata', async (t) => {
    const { driver, place } = await prepared(t);
    const { dataBytes, metadataBytes } = await driver.freeSpace(place);
    t.ok(Number.isSafeInteger(dataBytes) && dataBytes > 0, String(dataBytes));
    t.ok(Number.isSafeInteger(metadataBytes) && metadataBytes > 0, String(metadataBytes));
  });

  void t.test('the live tree can be made read-only and writable again', async (t) => {
    const { driver, place, trees } = await prepared(t);
    const { id } = await driver.live(place);
    await driver.setLiveReadOnly(place, true);
    await driver.setLiveReadOnly(place, true);
    t.same(await driver.live(place), { id, readOnly: driver.capabilities.readOnly });
    if (driver.capabilities.readOnly) await t.rejects(trees.write(null, 'file', 'refused'));
    await driver.clone(place, 'clone', null);
    await trees.write('clone', 'file', 'a clone is writable even so');
    await driver.setLiveReadOnly(place, false);
    t.same(await driver.live(place), { id, readOnly: false });
    await trees.write(null, 'file', 'accepted');
  });

  void t.test('T7 a change to the live tree since the clone is found, a read-only flip is none', async (t) => {
    const { driver, place, trees } = await prepared(t);
    await trees.write(null, 'one', 'content');
    await trees.write(null, 'two', 'content');
    await driver.clone(place, 'clone', null);
    await driver.setLiveReadOnly(place, true);
    t.same(await driver.changedSince(place, 'clone', 10), []);
    await driver.setLiveReadOnly(place, false);
    t.same(await driver.changedSince(place, 'clone', 10), []);
    await trees.write('clone', 'one', 'a change to the clone is no conflict');
    t.same(await driver.changedSince(place, 'clone', 10), []);
    await trees.write(null, 'two', 'CONTENT');
    await driver.setLiveReadOnly(place, true);
    t.not((await driver.changedSince(place, 'clone', 10)).length, 0);
    t.equal((await driver.changedSince(place, 'clone', 1)).length, 1, 'at most as many as asked for');
  });
}

export function exchanges(t: Test, prepared: MakeContractVolume): void {
  const begun = async (t: Test) => {
    const volume = await prepared(t);
    await volume.trees.write(null, 'file', 'old');
    const base = (await volume.driver.live(volume.place)).id;
    const clone = (await volume.driver.clone(volume.place, 'clone', null)).id;
    await volume.trees.write('clone', 'file', 'new');
    return { ...volume, base, clone };
  };

  void t.test(
    'T8 exchange shows the clone, keeps the old tree under its name, and the second time is done',
    async (t) => {
      const { driver, place, trees, base, clone } = await begun(t);
      await driver.setLiveReadOnly(place, true);
      t.equal(await driver.exchange(place, 'clone', { base, clone }), 'exchanged');
      t.equal(await driver.exchange(place, 'clone', { base, clone }), 'done');
      t.same(await driver.live(place), { id: clone, readOnly: false }, 'the new live tree is writable');
      t.equal(await trees.read(null, 'file'), 'new');
      await trees.write(null, 'file', 'newer');
      t.equal((await driver.lookup(place, 'clone'))?.id, base);
      t.equal(await trees.read('clone', 'file'), 'old');
    },
  );

  void t.test('an exchange can be exchanged back', async (t) => {
    const { driver, place, trees, base, clone } = await begun(t);
    t.equal(await driver.exchange(place, 'clone', { base, clone }), 'exchanged');
    t.equal(await driver.exchange(place, 'clone', { base: clone, clone: base }), 'exchanged');
    t.equal(await trees.read(null, 'file'), 'old');
    t.equal((await driver.live(place)).readOnly, false);
  });

  void t.test(
    'T8 a foreign identity at the live path or under the clone is a CONFLICT and changes nothing',
    async (t) => {
      const { driver, place, trees, base, clone } = await begun(t);
      const other = await driver.clone(place, 'other', null);
      await rejectsWith(t, driver.exchange(place, 'clone', { base: other.id, clone: 'x' }), 'CONFLICT');
      await rejectsWith(t, driver.exchange(place, 'clone', { base: other.id, clone }), 'CONFLICT');
      await rejectsWith(t, driver.exchange(place, 'other', { base, clone }), 'CONFLICT');
      await rejectsWith(t, driver.exchange(place, 'absent', { base, clone }), 'CONFLICT');
      t.equal((await driver.live(place)).id, base);
      t.equal(await trees.read(null, 'file'), 'old');
      t.equal((await driver.lookup(place, 'clone'))?.id, clone);
      t.equal((await driver.lookup(place, 'other'))?.id, other.id);
    },
  );
}
