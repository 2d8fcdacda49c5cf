/** What every form of a node's small files must do. */
import { join } from 'node:path';
import type { Test } from 'tap';
import type { NodeFiles } from '#src/ports/node-files.js';

export interface FilesUnderTest {
  readonly files: NodeFiles;
  /** An empty directory. */
  readonly directory: string;
}

export function nodeFilesContract(t: Test, name: string, make: (t: Test) => FilesUnderTest): void {
  void t.test(`${name}: a link is made, replaced by a rename, and read back`, async (t) => {
    const { files, directory } = make(t);
    t.equal(await files.readLink(join(directory, 'current')), null);
    await files.replaceLink(directory, 'current', 'app@1');
    await files.replaceLink(directory, 'current', 'app@2');
    await files.replaceLink(directory, '.stamp', 'cluster/1/7');
    t.equal(await files.readLink(join(directory, 'current')), 'app@2');
    t.same(await sorted(files, directory), ['.stamp', 'current'], 'no temporary name is left');
  });

  void t.test(`${name}: what is no link, and what lies below a file, are errors`, async (t) => {
    const { files, directory } = make(t);
    await files.replaceFile(join(directory, 'file'), 'text');
    await t.rejects(files.readLink(join(directory, 'file')), { code: 'EINVAL' });
    await t.rejects(files.readLink(join(directory, 'file', 'below')), { code: 'ENOTDIR' });
    await t.rejects(files.listNames(join(directory, 'file')), { code: 'ENOTDIR' });
    await t.rejects(files.replaceLink(join(directory, 'missing'), 'link', 'to'), { code: 'ENOENT' });
    await t.rejects(files.writeDurably(join(directory, 'missing', 'file'), 'text'), { code: 'ENOENT' });
    await t.rejects(files.makeDirectory(join(directory, 'missing', 'below')), { code: 'ENOENT' });
    await t.rejects(files.syncDirectory(join(directory, 'missing')), { code: 'ENOENT' });
  });

  void t.test(`${name}: a file is written whole, and read back`, async (t) => {
    const { files, directory } = make(t);
    const path = join(directory, 'app@1.manifest.json');
    t.equal(await files.readText(path), null);
    await files.replaceFile(path, 'first, and longer');
    await files.replaceFile(path, 'second');
    t.equal(await files.readText(path), 'second');
    await files.writeDurably(path, 'third');
    t.equal(await files.readText(path), 'third');
    t.same(await sorted(files, directory), ['app@1.manifest.json'], 'no temporary name is left');
  });

  void t.test(`${name}: what is removed is gone, and what is gone is no error`, async (t) => {
    const { files, directory } = make(t);
    for (const name of ['a', 'b']) await files.writeDurably(join(directory, name), name);
    for (let again = 0; again < 2; again += 1) {
      await files.removeFile(join(directory, 'a'));
      await files.removeDurably(join(directory, 'b'));
      await files.removeTree(join(directory, 'c'));
    }
    t.same(await files.listNames(directory), []);
  });

  void t.test(`${name}: a directory is made once, and removed with all below it`, async (t) => {
    const { files, directory } = make(t);
    const made = join(directory, 'made');
    t.same(await files.listNames(made), [], 'a missing one holds nothing');
    t.equal(await files.makeDirectory(made), true);
    t.equal(await files.makeDirectory(made), false);
    await files.replaceLink(made, 'link', 'to');
    await files.syncDirectory(made);
    await files.removeTree(made);
    t.same(await files.listNames(directory), []);
  });
}

async function sorted(files: NodeFiles, directory: string): Promise<readonly string[]> {
  return [...(await files.listNames(directory))].sort();
}
