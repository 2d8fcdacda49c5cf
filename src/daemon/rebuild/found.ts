/** What a rebuild has to go by: what stands in the publish directories, and an export where there is one. Types only. */
import type { GroupRecord, VolumeRecord } from '../../machine/entry.js';
import type { GenerationRecord, State } from '../../machine/state.js';
import type { ManifestFile } from '../../participant/manifest-file.js';
import type { Stamp } from '../../participant/stamps.js';
import type { Listed } from '../../ports/volume-driver.js';
import type { LogIdentity } from '../../ports/log.js';

/** One publish directory of this machine. */
export interface FoundVolume {
  readonly record: VolumeRecord;
  readonly stamp: Stamp;
  readonly manifests: readonly ManifestFile[];
  /** Manifests that cannot be read, by name, each with what is wrong. */
  readonly damaged: readonly string[];
  readonly listed: readonly Listed[];
}

/** What `log export` printed. */
export interface LogExport {
  readonly identity: LogIdentity;
  readonly state: State;
  readonly generations: readonly GenerationRecord[];
}

export type GenerationVerdict =
  /** Every volume's snapshot stands under its published name. */
  | { readonly kind: 'complete' }
  /** It is committed, and some volume still has it under its staged name: recovery finishes it. */
  | { readonly kind: 'pending' }
  /** Not taken. */
  | { readonly kind: 'incomplete'; readonly reasons: readonly string[] };

export interface JudgedGeneration {
  readonly record: GenerationRecord;
  readonly verdict: GenerationVerdict;
}

export interface JudgedGroup {
  readonly name: string;
  /** null: no volume of it was found, so only its numbers are kept. */
  readonly definition: GroupRecord | null;
  /** Ascending. */
  readonly generations: readonly JudgedGeneration[];
  /** No generation may ever have a number up to this one again (M2). */
  readonly newest: number;
}

export interface Judged {
  readonly groups: readonly JudgedGroup[];
  /** Sentences: what is lost, may be lost, or is left for a person to look at. */
  readonly losses: readonly string[];
}
