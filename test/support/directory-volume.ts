/** A directory volume in a temporary directory, and a child process that works on it and can be killed inside a call. */
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { createDirectoryDriver } from '#src/adapters/driver-directory/index.js';
import type { VolumeDriver, VolumePlace } from '#src/ports/volume-driver.js';
import { temporaryDirectory } from './temp.js';

export interface DirectoryVolume {
  readonly driver: VolumeDriver;
  readonly place: VolumePlace;
  /** The directory that source and publish directory lie in. */
  readonly parent: string;
}

/** An empty live tree; the publish directory is made. */
export async function makeDirectoryVolume(
  t: Test,
  parent = temporaryDirectory(t, 'directory'),
): Promise<DirectoryVolume> {
  const place = { name: 'db', source: join(parent, 'live'), publishDirectory: join(parent, '.snapcommit', 'db') };
  mkdirSync(place.source);
  const driver = createDirectoryDriver();
  await driver.prepare(place);
  return { driver, place, parent };
}

const PACKAGE = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

/**
 * Runs `script` (the body of a module) in a process of its own, where `driver` and `place` are bound and `dieIn(name)`
 * makes the process SIGKILL itself when it calls that function of node:fs/promises. `prefix` runs it under another
 * program, such as strace.
 */
export function runOnVolume(
  place: VolumePlace,
  script: string,
  environment: Readonly<Record<string, string>> = {},
  prefix: readonly string[] = [],
): SpawnSyncReturns<string> {
  const source = `
    import promises from 'node:fs/promises';
    import { syncBuiltinESMExports } from 'node:module';
    const place = ${JSON.stringify(place)};
    const dieIn = (name) => {
      promises[name] = () => process.kill(process.pid, 'SIGKILL');
      syncBuiltinESMExports();
    };
    const { createDirectoryDriver } = await import('#src/adapters/driver-directory/index.js');
    const driver = createDirectoryDriver();
    ${script}`;
  const [file, ...args] = [...prefix, process.execPath, '--input-type=module', '--eval', source];
  return spawnSync(file, args, { cwd: PACKAGE, encoding: 'utf8', env: environment });
}
