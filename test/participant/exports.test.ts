/** What the kernel's NFS server exports: known to it already, or only to exportfs(8) yet. */
import t from 'tap';
import { createMemoryNodeFiles } from '#src/adapters/node-files-memory.js';
import { findExported } from '#src/participant/exports.js';

const CACHE = '/nfsd/exports';
const TABLE = '/nfs/etab';

t.test('T15 a tree is exported from when exportfs says so, not from when a client has asked', async (t) => {
  const files = createMemoryNodeFiles();
  for (const directory of ['/nfsd', '/nfs']) files.addDirectory(directory);
  const find = async (...sources: readonly string[]): Promise<string | null> =>
    findExported(files, sources, { askedFor: CACHE, allowed: TABLE });
  t.equal(await find('/srv/db'), null, 'without a server there are no tables');
  await files.replaceFile(CACHE, '# Version 1.1\n# Path Client(Flags) # IPs\n/srv/known\t*(rw,sync)\n');
  await files.replaceFile(TABLE, '/srv/known\t*(rw,sync)\n/srv/a\\040b\t192.0.2.0/24(rw,sync,wdelay)\n');
  t.equal(await find('/srv/db'), null);
  t.equal(await find('/srv/db', '/srv/known/db'), '/srv/known');
  t.equal(await find('/srv/a b'), '/srv/a b', 'no client has asked for it');
  t.equal(await find('/srv/a b/db'), '/srv/a b');
  t.equal(await find('/srv'), '/srv/known', 'or one lies in it');
  t.equal(await find('/srv/a'), null);
  await files.removeFile(CACHE);
  t.equal(await find('/srv/known'), null, 'the table stays behind when no server runs');
  await files.replaceFile(CACHE, '/srv/known\t*(rw,sync)\n');
  await files.removeFile(TABLE);
  t.equal(await find('/srv/known'), '/srv/known');
});
