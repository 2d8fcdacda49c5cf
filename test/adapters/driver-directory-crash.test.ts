/** The directory driver killed inside a call: what is left is never taken for whole, and doing it again ends it. */
import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { rejectsWith } from '../contract/volume-driver.js';
import { makeDirectoryVolume, runOnVolume } from '../support/directory-volume.js';

void t.test('G8 a copy whose maker was killed is listed as no snapshot, whatever it had done', async (t) => {
  // in the middle of the copy; after it, before the identity has its name
  for (const call of ['symlink', 'rename']) {
    for (const act of [`stage(place, 'x')`, `clone(place, 'x', null)`, `seal(place, 'clone', 'x')`]) {
      const { driver, place } = await makeDirectoryVolume(t);
      writeFileSync(join(place.source, 'a'), 'content');
      symlinkSync('nowhere', join(place.source, 'b'));
      await driver.clone(place, 'clone', null);
      const child = runOnVolume(place, `dieIn('${call}'); await driver.${act};`);
      t.equal(child.signal, 'SIGKILL', `${act} dies in ${call} ${child.stderr}`);
      t.ok(existsSync(join(driver.path(place, 'x'), 'a')), 'the copy had begun');
      t.match(await driver.lookup(place, 'x'), { name: 'x', id: null });
      t.match(
        (await driver.list(place)).find(({ name }) => name === 'x'),
        { id: null },
      );
      t.not((await driver.verifyContent(place, 'x')).length, 0);
      await rejectsWith(t, driver.stage(place, 'x'), 'STAGED_NAME_EXISTS');
      await driver.rename(place, 'x', 'trash');
      await driver.remove(place, ['trash']);
      t.same(
        (await driver.list(place)).map(({ name }) => name),
        ['clone'],
      );
    }
  }
});

void t.test('a copy that is half deleted is no snapshot any more', async (t) => {
  const { driver, place } = await makeDirectoryVolume(t);
  mkdirSync(join(place.source, 'd'));
  writeFileSync(join(place.source, 'd', 'file'), 'content');
  await driver.stage(place, 's');
  const child = runOnVolume(place, `dieIn('rmdir'); await driver.remove(place, ['s']);`);
  t.equal(child.signal, 'SIGKILL', child.stderr);
  t.ok(existsSync(driver.path(place, 's')), 'some of it is left');
  t.equal((await driver.lookup(place, 's'))?.id, null);
  await driver.remove(place, ['s']);
  t.equal(await driver.lookup(place, 's'), null);
});

void t.test(
  'T8 killed around the exchange: the live path shows one of both trees, and exchanging again ends it',
  async (t) => {
    const points = ['exchange.before', 'exchange.after-exchange', 'exchange.after-first-sync', 'exchange.after'];
    for (const point of points) {
      const { driver, place } = await makeDirectoryVolume(t);
      writeFileSync(join(place.source, 'file'), 'old');
      const base = (await driver.live(place)).id;
      const clone = (await driver.clone(place, 'clone', null)).id;
      writeFileSync(join(driver.path(place, 'clone'), 'file'), 'new');
      const script = `await driver.exchange(place, 'clone', ${JSON.stringify({ base, clone })});`;
      const child = runOnVolume(place, script, { SNAPCOMMIT_CRASH_AT: point });
      t.equal(child.signal, 'SIGKILL', `${point} ${child.stderr}`);
      const before = point === 'exchange.before';
      t.equal(readFileSync(join(place.source, 'file'), 'utf8'), before ? 'old' : 'new', point);
      t.equal(await driver.exchange(place, 'clone', { base, clone }), before ? 'exchanged' : 'done', point);
      t.equal(readFileSync(join(place.source, 'file'), 'utf8'), 'new');
      t.equal((await driver.live(place)).id, clone);
      t.equal((await driver.lookup(place, 'clone'))?.id, base);
    }
  },
);

void t.test('killed between deletes: removing again ends it', async (t) => {
  for (const point of ['remove.before', 'remove.after-first', 'remove.after']) {
    const { driver, place } = await makeDirectoryVolume(t);
    await driver.stage(place, 'a');
    await driver.stage(place, 'b');
    const child = runOnVolume(place, `await driver.remove(place, ['a', 'b']);`, { SNAPCOMMIT_CRASH_AT: point });
    t.equal(child.signal, 'SIGKILL', child.stderr);
    const left = { 'remove.before': ['a', 'b'], 'remove.after-first': ['b'], 'remove.after': [] }[point];
    t.same(readdirSync(place.publishDirectory), left, point);
    await driver.remove(place, ['a', 'b']);
    t.same(await driver.list(place), []);
  }
});

void t.test(
  'a directory that is replaced by a symlink during the copy is not followed out of the volume',
  async (t) => {
    const { driver, place, parent } = await makeDirectoryVolume(t);
    mkdirSync(join(parent, 'outside'));
    writeFileSync(join(parent, 'outside', 'secret'), '');
    mkdirSync(join(place.source, 'd'));
    const child = runOnVolume(
      place,
      `const { lstat } = promises;
     promises.lstat = async (path, options) => {
       const status = await lstat(path, options);
       if (String(path).endsWith('/d')) {
         promises.lstat = lstat;
         syncBuiltinESMExports();
         await promises.rmdir(place.source + '/d');
         await promises.symlink('../outside', place.source + '/d');
       }
       return status;
     };
     syncBuiltinESMExports();
     await driver.stage(place, 's');`,
    );
    t.equal(child.status, 0, child.stderr);
    t.same(
      readdirSync(driver.path(place, 's'), { withFileTypes: true }).map((entry) => entry.isSymbolicLink()),
      [true],
    );
  },
);

void t.test('a file that vanishes or shrinks during the copy does not fail it, nor keep it for ever', async (t) => {
  const { driver, place } = await makeDirectoryVolume(t);
  for (const name of ['keeps', 'shrinks', 'vanishes'])
    writeFileSync(join(place.source, name), Buffer.alloc(3 << 20, name));
  const child = runOnVolume(
    place,
    `const { lstat, open } = promises;
     promises.lstat = async (path, options) => {
       const status = await lstat(path, options);
       if (String(path).endsWith('/vanishes')) await promises.rm(place.source + '/vanishes', { force: true });
       return status;
     };
     promises.open = async (path, ...rest) => {
       const handle = await open(path, ...rest);
       if (String(path).endsWith('/shrinks')) {
         const { stat } = handle;
         handle.stat = async (...options) => {
           const status = await stat.apply(handle, options);
           await promises.truncate(place.source + '/shrinks', 5);
           return status;
         };
       }
       return handle;
     };
     syncBuiltinESMExports();
     await driver.stage(place, 's');`,
  );
  t.equal(child.status, 0, child.stderr);
  const copy = driver.path(place, 's');
  t.same(readdirSync(copy), ['keeps', 'shrinks']);
  t.equal(readFileSync(join(copy, 'shrinks'), 'utf8'), 'shrin');
  t.equal(readFileSync(join(copy, 'keeps')).length, 3 << 20);
  t.same(await driver.verifyContent(place, 's'), []);
});
