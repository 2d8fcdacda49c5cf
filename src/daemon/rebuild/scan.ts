/** Reading a publish directory for a rebuild: its stamp, its manifests, its snapshots. Changes nothing. */
import { readdir, readFile, readlink, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { nodeFiles } from '../../adapters/node-files.js';
import { SnapcommitError } from '../../errors.js';
import { generationShape, groupShape, volumeShape } from '../../log/entry-shape.js';
import { nullable, plain, text } from '../../wire/shape.js';
import type { DriverName, ManifestVolume, VolumeRecord } from '../../machine/entry.js';
import { isName } from '../../machine/names.js';
import type { ManifestFile } from '../../participant/manifest-file.js';
import { parsePublished, publishedName } from '../../participant/names.js';
import { readStamp } from '../../participant/stamps.js';
import type { Listed, VolumeDriver } from '../../ports/volume-driver.js';
import { driverOfPath, SOURCE_NAME } from '../add-volume.js';
import type { FoundVolume } from './found.js';

export type OpenDriver = (name: DriverName) => Promise<VolumeDriver>;

/** `node`: whose volume it is where no manifest says. @throws USAGE, VOLUME_UNAVAILABLE naming the directory. */
export async function scanDirectory(given: string, node: string, openDriver: OpenDriver): Promise<FoundVolume> {
  const directory = await realpath(given).catch((cause: unknown) => {
    throw unusable(given, 'cannot be entered', 'Mount its filesystem, or leave it out', cause);
  });
  const stamp = await readStamp(nodeFiles, directory);
  if (stamp === null) {
    throw unusable(given, 'carries no stamp of a log', 'Name publish directories, such as /srv/.snapcommit/db');
  }
  const { manifests, damaged } = await readManifests(directory, stamp.cluster);
  const record = await identify(directory, node, manifests, openDriver);
  const driver = await openDriver(record.driver);
  const { filesystem } = await driver.inspect(record.name, record.source, directory);
  return { record: { ...record, filesystem }, stamp, manifests, damaged, listed: await driver.list(record) };
}

async function readManifests(
  directory: string,
  cluster: string,
): Promise<{ readonly manifests: readonly ManifestFile[]; readonly damaged: readonly string[] }> {
  const names = (await readdir(directory)).filter((name) => parsePublished(name)?.part === 'manifest').sort();
  const manifests: ManifestFile[] = [];
  const damaged: string[] = [];
  for (const name of names) {
    const path = join(directory, name);
    try {
      const manifest = parseManifest(await readFile(path, 'utf8'));
      const { group, generation } = manifest.record;
      if (`${publishedName(group, generation)}.manifest.json` !== name)
        throw new TypeError('it names another generation');
      if (manifest.cluster !== cluster) throw new TypeError(`it is of another log (cluster ${manifest.cluster})`);
      manifests.push(manifest);
    } catch (error) {
      damaged.push(`the manifest ${path} cannot be used: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { manifests, damaged };
}

/** @throws TypeError, SyntaxError */
export function parseManifest(json: string): ManifestFile {
  const { cluster, place, definition, ...record } = plain(JSON.parse(json), 'manifest');
  return {
    cluster: text(cluster, 'cluster'),
    place: nullable(volumeShape)(place ?? null, 'place'),
    definition: nullable(groupShape)(definition ?? null, 'definition'),
    record: generationShape(record, 'generation'),
  };
}

/** Whose publish directory this is: the newest manifest says so, or the identities of the snapshots in it. */
async function identify(
  directory: string,
  node: string,
  manifests: readonly ManifestFile[],
  openDriver: OpenDriver,
): Promise<VolumeRecord> {
  const source = await readlink(join(directory, SOURCE_NAME)).catch((cause: unknown) => {
    throw unusable(directory, 'does not say which tree is published there', 'Leave it out', cause);
  });
  const newest = manifests.toSorted((a, b) => b.record.slot - a.record.slot);
  const place = newest.find((manifest) => manifest.place !== null)?.place ?? null;
  if (place !== null) return { ...place, source, publishDirectory: directory };
  const member = await memberOf(directory, source, newest, openDriver);
  if (member !== null) {
    const { volume, driver } = member;
    return { name: volume, node: member.node, driver, source, publishDirectory: directory, filesystem: '' };
  }
  const name = basename(directory);
  if (!isName(name)) throw unusable(directory, 'holds no manifest that says whose it is', 'Leave it out');
  return { name, node, driver: await driverOfPath(source), source, publishDirectory: directory, filesystem: '' };
}

/** By a snapshot that stands here with the identity that a manifest gives to one volume. */
async function memberOf(
  directory: string,
  source: string,
  manifests: readonly ManifestFile[],
  openDriver: OpenDriver,
): Promise<ManifestVolume | null> {
  for (const { record } of manifests) {
    for (const member of record.manifest.volumes) {
      const place = { name: member.volume, source, publishDirectory: directory };
      const driver = await openDriver(member.driver);
      const found = await driver.lookup(place, publishedName(record.group, record.generation)).catch(() => null);
      if (isSame(found, member)) return member;
    }
  }
  return null;
}

export function isSame(found: Listed | null | undefined, member: ManifestVolume): boolean {
  return found?.id === member.id;
}

function unusable(directory: string, what: string, advice: string, cause?: unknown): SnapcommitError {
  const message = `${directory} ${what}. ${advice}. Nothing was changed.`;
  return new SnapcommitError('SOURCE_INVALID', message, { directory }, cause);
}
