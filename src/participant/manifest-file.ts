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
  const own = JSON.stringify({ cluster, place }, null, 2);
  const text = `${own.slice(0, -'\n}'.length)},${textOf(record, definition).slice('{'.length)}\n`;
  await files.withOwned(place.publishDirectory, async (here) =>
    files.replaceFile(join(here, manifestName(record.group, record.generation)), text),
  );
}

/** What the files of all volumes have in common: of a large group it is long, so it is made once. */
function textOf(record: GenerationRecord, definition: GroupRecord | null): string {
  const known = texts.get(record);
  if (known?.definition === definition) return known.text;
  const text = JSON.stringify({ definition, ...record }, null, 2);
  texts.set(record, { definition, text });
  return text;
}

const texts = new WeakMap<GenerationRecord, { readonly definition: GroupRecord | null; readonly text: string }>();
