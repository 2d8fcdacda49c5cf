/**
 * The manifest file beside a published snapshot, so that a lost log can be rebuilt (`init --from-volumes`). JSON: the
 * generation's record, the cluster, and, since a record does not tell them, the volume's place and the group's
 * definition as they were when the generation was published.
 */
import { join } from 'node:path';
import type { GroupRecord, VolumeRecord } from '../machine/entry.js';
import type { GenerationRecord } from '../machine/state.js';
import type { NodeFiles } from '../ports/node-files.js';
import { manifestName } from './names.js';

export interface ManifestFile {
  readonly cluster: string;
  /** null: the file is of a version that did not say. */
  readonly place: VolumeRecord | null;
  /** null: that, or the group was removed meanwhile. */
  readonly definition: GroupRecord | null;
  readonly record: GenerationRecord;
}

/** Writes it beside its snapshot. Its name is durable with the next sync of the directory. */
export async function writeManifest(
  files: NodeFiles,
  manifest: ManifestFile & { readonly place: VolumeRecord },
): Promise<void> {
  const { cluster, place, definition, record } = manifest;
  const path = join(place.publishDirectory, manifestName(record.group, record.generation));
  await files.replaceFile(path, `${JSON.stringify({ cluster, place, definition, ...record }, null, 2)}\n`);
}
