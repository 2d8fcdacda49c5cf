// test-timeout-seconds: 1200
/** The ZFS driver over a real pool: the contract that every driver keeps. */
import t from 'tap';
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createCommandRunner } from '#src/adapters/command-runner/index.js';
import { createZfsDriver } from '#src/adapters/driver-zfs/index.js';
import { directoryTrees, volumeDriverContract } from '../contract/volume-driver.js';
import { makePool, zfs } from '../support/zfs.js';

const pool = makePool(t);
let volumes = 0;

volumeDriverContract(t, () => {
  volumes += 1;
  const name = `db${String(volumes)}`;
  const driver = createZfsDriver(createCommandRunner());
  const source = pool.dataset(name);
  const place = { name, source, publishDirectory: join(pool.mount, '.snapcommit', name) };
  return Promise.resolve({
    driver,
    place,
    trees: directoryTrees(driver, place),
    lose: async () => Promise.resolve(void zfs('unmount', '-f', `${pool.pool}/${name}`)),
    symlinked: async () => {
      const link = join(pool.directory, `link-to-${name}`);
      await symlink(source, link);
      return link;
    },
    foreign: (entry: string) => writeFile(join(place.publishDirectory, entry), 'not ours'),
  });
});
