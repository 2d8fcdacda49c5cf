/** The directory driver over the filesystem of temporary files: the contract that every driver keeps. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createDirectoryDriver } from '#src/adapters/driver-directory/index.js';
import { directoryFaults, directoryTrees, volumeDriverContract } from '../contract/volume-driver.js';
import { temporaryDirectory } from '../support/temp.js';

volumeDriverContract(t, (t) => {
  const parent = temporaryDirectory(t, 'directory');
  const place = { name: 'db', source: join(parent, 'live'), publishDirectory: join(parent, '.snapcommit', 'db') };
  mkdirSync(place.source);
  const driver = createDirectoryDriver();
  return Promise.resolve({ driver, place, trees: directoryTrees(driver, place), ...directoryFaults(place) });
});
