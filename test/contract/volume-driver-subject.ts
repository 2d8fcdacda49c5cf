/** What the VolumeDriver contract is tested on: a volume, its trees, and what can happen to it. */
import { readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Test } from 'tap';
import type { SnapcommitError } from '#src/errors.js';
import type { VolumeDriver, VolumePlace } from '#src/ports/volume-driver.js';

/** `where`: null is the live tree, otherwise an entry of the publish directory. */
export interface ContractTrees {
  write(where: string | null, file: string, content: string): Promise<void>;
  /** null where there is no such file. */
  read(where: string | null, file: string): Promise<string | null>;
}

export interface ContractVolume {
  readonly driver: VolumeDriver;
  /** Not prepared yet. */
  readonly place: VolumePlace;
  readonly trees: ContractTrees;
  /** Takes the source away, as an unmounted or deleted one is. */
  readonly lose: () => Promise<void>;
  /** Drivers whose sources are paths: a path that leads to the source through a symlink. */
  readonly symlinked?: () => Promise<string>;
  /** Puts something that is not the driver's under `name` into the publish directory. */
  readonly foreign?: (name: string) => Promise<void>;
}

export type MakeContractVolume = (t: Test) => Promise<ContractVolume>;

/** The trees of a driver whose live tree and entries are directories. */
export function directoryTrees(driver: VolumeDriver, place: VolumePlace): ContractTrees {
  const path = (where: string | null): string => (where === null ? place.source : driver.path(place, where));
  return {
    write: (where, file, content) => writeFile(join(path(where), file), content),
    read: (where, file) => readFile(join(path(where), file), 'utf8').catch(() => null),
  };
}

/** `lose`, `symlinked` and `foreign` for a driver whose source is a directory that can be renamed. */
export function directoryFaults(place: VolumePlace): Required<Pick<ContractVolume, 'lose' | 'symlinked' | 'foreign'>> {
  return {
    lose: () => rename(place.source, `${place.source}.lost`),
    symlinked: async () => {
      const link = join(dirname(place.source), `link-to-${place.name}`);
      await symlink(place.source, link);
      return link;
    },
    foreign: (name) => writeFile(join(place.publishDirectory, name), 'not ours'),
  };
}

/** Asserts that `promise` rejects with a SnapcommitError of this code; returns it. */
export async function rejectsWith(t: Test, promise: Promise<unknown>, code: string): Promise<SnapcommitError | null> {
  try {
    t.fail(`resolved to ${JSON.stringify(await promise)} where ${code} was expected`);
    return null;
  } catch (failure) {
    t.match(failure, { name: 'SnapcommitError', code }, `fails with ${code}`);
    return failure as SnapcommitError;
  }
}
