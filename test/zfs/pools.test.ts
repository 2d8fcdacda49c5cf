/** Calls for whole pools over real ones: the contract. */
import { join } from 'node:path';
import t from 'tap';
import { createCommandRunner } from '#src/adapters/command-runner/index.js';
import { createZfsDriver } from '#src/adapters/driver-zfs/index.js';
import type { VolumePlace } from '#src/ports/volume-driver.js';
import { poolContract } from '../contract/volume-driver-pools.js';
import { directoryTrees } from '../contract/volume-driver.js';
import { TestPools, zfs } from '../support/pools.js';
import { requireZfs } from '../support/requirements.js';
import { temporaryDirectory } from '../support/temp.js';

requireZfs(t);

const pools = new TestPools(temporaryDirectory(t, 'pools'));
t.teardown(() => {
  pools.destroy();
});
const datasets = new Map<string, string>();
let made = 0;

function place(pool: number, kind: string): VolumePlace {
  const name = `${kind}${String((made += 1))}`;
  const { dataset, mount } = pools.dataset(pool, name);
  datasets.set(name, dataset);
  return { name, source: join(mount, 'live'), publishDirectory: join(mount, '.snapcommit', name) };
}

poolContract(t, () => {
  const driver = createZfsDriver(createCommandRunner());
  return Promise.resolve({
    driver,
    places: [place(0, 'db'), place(0, 'wal')],
    elsewhere: place(1, 'index'),
    trees: (of) => directoryTrees(driver, of),
    lose: async ({ name }) => Promise.resolve(void zfs('unmount', '-f', datasets.get(name) ?? '')),
  });
});
