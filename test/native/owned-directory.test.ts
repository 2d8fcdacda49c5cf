/** Directories that only root and we can have put where they are found. */
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openTrusted } from '#src/native/at.js';
import { withOwned, withOwnedNow } from '#src/native/owned-directory.js';
import { requireRoot } from '../support/requirements.js';

requireRoot(t);

const OTHER = 1000;

/** Below directories that only root may write to. */
function trustedDirectory(t: Test): string {
  const directory = mkdtempSync('/run/snapcommit-owned-');
  t.teardown(() => {
    rmSync(directory, { recursive: true });
  });
  return directory;
}

for (const [name, within] of Object.entries({ withOwned, withOwnedNow })) {
  void t.test(`${name}: what is open stays what it was, wherever its name leads`, async (t) => {
    const above = trustedDirectory(t);
    mkdirSync(join(above, 'own'));
    const answer = await within(join(above, 'own'), (here) => {
      renameSync(join(above, 'own'), join(above, 'moved'));
      mkdirSync(join(above, 'own'));
      writeFileSync(join(here, 'file'), '');
      return 7;
    });
    t.equal(answer, 7);
    t.strictSame([readdirSync(join(above, 'moved')), readdirSync(join(above, 'own'))], [['file'], []]);
  });

  void t.test(`${name}: an error tells the path that people know`, async (t) => {
    const own = trustedDirectory(t);
    await t.rejects(
      within(own, (here) => readdirSync(join(here, 'missing'))),
      { code: 'ENOENT', message: RegExp(`'${own}/missing'`) },
    );
  });

  void t.test(`${name}: a directory of somebody else is refused`, async (t) => {
    const own = trustedDirectory(t);
    chownSync(own, OTHER, OTHER);
    const acted = within(own, () => t.fail('acted'));
    await t.rejects(acted, { code: 'SOURCE_INVALID', message: `${own} belongs to user 1000` });
  });

  void t.test(`${name}: root's symlinks are followed, others' are not`, async (t) => {
    const above = trustedDirectory(t);
    mkdirSync(join(above, 'real', 'own'), { recursive: true });
    mkdirSync(join(above, 'home'));
    symlinkSync('real/../real', join(above, 'relative'));
    symlinkSync(join(above, 'relative'), join(above, 'absolute'));
    symlinkSync(join(above, 'real'), join(above, 'home', 'led'));
    const path = join(above, 'home', 'led', 'own');
    const leads = [path, join(above, 'absolute', 'own'), join(above, 'relative', 'own')];
    for (const lead of leads) {
      await within(lead, (here) => {
        writeFileSync(join(here, 'file'), lead);
      });
      await (await openTrusted(lead)).close();
    }
    for (const open of [
      () => {
        chownSync(join(above, 'home'), OTHER, OTHER);
      },
      () => {
        chownSync(join(above, 'home'), 0, OTHER);
        chmodSync(join(above, 'home'), 0o775);
      },
      () => {
        chmodSync(join(above, 'home'), 0o1777);
      },
    ]) {
      open();
      const acted = within(path, () => t.fail('acted'));
      await t.rejects(acted, { code: 'ELOOP', message: `${path} leads through a symbolic link` });
      await t.rejects(openTrusted(path), { code: 'ELOOP' });
    }
  });

  void t.test(`${name}: what leads nowhere, and in circles, is an error`, async (t) => {
    const above = trustedDirectory(t);
    symlinkSync('circle', join(above, 'circle'));
    writeFileSync(join(above, 'file'), '');
    for (const [last, code] of [
      ['missing', 'ENOENT'],
      ['circle/own', 'ELOOP'],
      ['file', 'ENOTDIR'],
    ] as const)
      await t.rejects(
        within(join(above, last), () => t.fail('acted')),
        { code },
      );
    const lost = join(above, 'lost');
    mkdirSync(lost);
    await t.rejects(
      within(`${lost}/../lost`, () => {
        rmSync(lost, { recursive: true });
        throw new Error('acted');
      }),
      { message: 'acted' },
    );
  });
}
