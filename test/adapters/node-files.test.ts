/** A node's small files: the contract over the real file system and in memory, and what a loss of power takes in memory. */
import t from 'tap';
import { directFiles, nodeFiles } from '#src/adapters/node-files.js';
import { createMemoryNodeFiles, type MemoryNodeFiles } from '#src/adapters/node-files-memory.js';
import { nodeFilesContract } from '../contract/node-files.js';

const HOME = '/var/lib';

function memory(): MemoryNodeFiles {
  const files = createMemoryNodeFiles();
  files.addDirectory(HOME);
  return files;
}

nodeFilesContract(t, 'real', (t) => ({ files: nodeFiles, directory: t.testdir() }));
nodeFilesContract(t, 'direct', (t) => ({ files: directFiles, directory: t.testdir() }));
nodeFilesContract(t, 'memory', () => ({ files: memory(), directory: HOME }));

for (const [name, files] of Object.entries({ real: nodeFiles, direct: directFiles })) {
  void t.test(`${name}: what somebody who died left of a link is in nobody's way`, async (t) => {
    const directory = t.testdir({ '.current.new': t.fixture('symlink', 'app@1') });
    await files.replaceLink(directory, 'current', 'app@2');
    t.equal(await files.readLink(`${directory}/current`), 'app@2');
    t.same(await files.listNames(directory), ['current']);
  });
}

void t.test('what has the temporary name of a file is replaced, and no link in its place is followed', async (t) => {
  const directory = t.testdir({ kept: 'kept', 'file.new': t.fixture('symlink', 'kept'), 'other.new': 'of the dead' });
  for (const name of ['file', 'other']) await nodeFiles.replaceFile(`${directory}/${name}`, 'new');
  t.same(await Promise.all(['file', 'other', 'kept'].map((name) => nodeFiles.readText(`${directory}/${name}`))), [
    'new',
    'new',
    'kept',
  ]);
  t.same([...(await nodeFiles.listNames(directory))].sort(), ['file', 'kept', 'other']);
});

void t.test('memory: a loss of power takes what was not synced, and nothing else', async (t) => {
  const files = memory();
  await files.writeDurably(`${HOME}/debt`, 'owed');
  await files.replaceLink(HOME, 'current', 'app@1');
  await files.syncDirectory(HOME);
  await files.replaceLink(HOME, 'current', 'app@2');
  await files.removeFile(`${HOME}/debt`);
  await files.replaceFile(`${HOME}/manifest`, 'text');
  t.same(await files.listNames(HOME), ['current', 'manifest'], 'every process sees it');
  files.crash();
  t.same(await files.listNames(HOME), ['current', 'debt']);
  t.equal(await files.readLink(`${HOME}/current`), 'app@1');
  await files.removeDurably(`${HOME}/debt`);
  files.crash();
  t.same(await files.listNames(HOME), ['current'], 'what was removed durably stays away');
});

void t.test('memory: a directory whose name was not synced is lost with all that was synced in it', async (t) => {
  const files = memory();
  await files.makeDirectory(`${HOME}/views`);
  await files.writeDurably(`${HOME}/views/file`, 'text');
  files.crash();
  t.same(await files.listNames(`${HOME}/views`), []);
  await files.makeDirectory(`${HOME}/views`);
  t.same(await files.listNames(`${HOME}/views`), [], 'one that is made again under its name is empty');
});

void t.test('memory: changes that reached the disk unsynced survive, in their order, also a removal', async (t) => {
  const files = memory();
  await files.writeDurably(`${HOME}/old`, 'text');
  await files.removeFile(`${HOME}/old`);
  await files.replaceLink(HOME, 'new', 'to');
  await files.replaceLink(HOME, 'lost', 'to');
  files.crash((pending) => pending - 1);
  t.same(await files.listNames(HOME), ['new']);
});

void t.test('memory: the sync of a filesystem makes everything below durable', async (t) => {
  const files = memory();
  await files.makeDirectory(`${HOME}/app@1`);
  await files.replaceLink(`${HOME}/app@1`, 'db', '/srv/db');
  files.syncTree(HOME);
  files.crash();
  t.equal(await files.readLink(`${HOME}/app@1/db`), '/srv/db');
});

void t.test('memory: a full disk refuses changes, and nothing else', async (t) => {
  const files = memory();
  await files.replaceLink(HOME, 'current', 'app@1');
  files.refuseChanges(HOME, 'ENOSPC');
  await t.rejects(files.replaceLink(HOME, 'current', 'app@2'), { code: 'ENOSPC' });
  await t.rejects(files.writeDurably(`${HOME}/debt`, 'owed'), { code: 'ENOSPC' });
  t.equal(await files.readLink(`${HOME}/current`), 'app@1');
  files.refuseChanges(HOME, null);
  await files.replaceLink(HOME, 'current', 'app@2');
  t.equal(await files.readLink(`${HOME}/current`), 'app@2');
});
