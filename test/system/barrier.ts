/** The law of a grade: nobody wrote between the snapshots of a generation that claims it. */
import type { ManifestVolume } from '#src/machine/entry.js';
import { Violation } from '../simulation/history.js';
import type { CommittedGeneration } from './judge.js';

/** `writesAt`: how often the application had written when that snapshot was made. */
export function assertBarrier(
  { group, generation, manifest, mode }: CommittedGeneration,
  writesAt: (volume: ManifestVolume) => number | undefined,
): void {
  const { grade } = manifest.consistency;
  if (mode !== 'capture' || (grade !== 'barrier' && grade !== 'application')) return;
  const counts = new Set(manifest.volumes.map(writesAt));
  if (counts.size > 1)
    throw new Violation(
      'barrier',
      `${group}@${String(generation)} claims ${grade}, and somebody wrote between its snapshots`,
    );
}
