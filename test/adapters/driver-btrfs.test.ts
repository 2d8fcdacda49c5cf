/** The btrfs driver over a real btrfs: the contract that every driver keeps. */
import t from 'tap';
import { createBtrfsDriver } from '#src/adapters/driver-btrfs/index.js';
import { directoryFaults, directoryTrees, volumeDriverContract } from '../contract/volume-driver.js';
import { makeBtrfs } from '../support/btrfs.js';

volumeDriverContract(t, (t) => {
  const btrfs = makeBtrfs(t);
  const driver = createBtrfsDriver();
  const place = { name: 'db', source: btrfs.subvolume('live'), publishDirectory: `${btrfs.mount}/.snapcommit/db` };
  return Promise.resolve({ driver, place, trees: directoryTrees(driver, place), ...directoryFaults(place) });
});
