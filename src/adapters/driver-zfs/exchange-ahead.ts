/**
 * Which exchange is to come, and what it moves: a clone has its seal, and waits. What has been made ready for it must stay until
 * then, whoever else has something to do on the volume between two of its steps, such as a prune of another generation. PURE.
 */
import type { Family } from './family.js';
import { isHiddenName, splitSnapshot } from './names.js';
import { valueOf, type Dataset } from './properties.js';

/** `removed`: the names that are about to be removed; who removes a clone or its seal gives the exchange up. */
export function isExchangeAhead(family: Family, removed: readonly string[]): boolean {
  return sealedClones(family, removed).length > 0;
}

/** A published snapshot may stand on a replaced tree; the seal of a clone is hidden until that one is the live dataset. */
export function sealedClones({ entries }: Family, removed: readonly string[] = []): readonly Dataset[] {
  const standing = entries.filter(({ name }) => !removed.includes(name));
  const sealed = standing
    .filter(({ name, kind }) => kind === 'snapshot' && isHiddenName(name))
    .map(({ dataset }) => splitSnapshot(dataset.name)?.dataset);
  return standing
    .filter(({ kind, dataset }) => kind === 'tree' && sealed.includes(dataset.name))
    .map(({ dataset }) => dataset);
}

/** The datasets whose snapshots a promotion of `clone` unmounts, or that are mounted elsewhere afterwards. */
export function movedWith({ live, liveName, trees }: Family, clone: Dataset): ReadonlySet<string> {
  const members = [...(live === null ? [] : [live]), ...trees];
  const moved = new Set([liveName, clone.name]);
  const seen = new Set<string>();
  for (let next: Dataset | undefined = clone; next !== undefined && !seen.has(next.name);) {
    seen.add(next.name);
    moved.add(next.name);
    const origin: string = splitSnapshot(valueOf(next, 'origin') ?? '')?.dataset ?? '';
    next = members.find(({ name }) => name === origin);
  }
  return moved;
}
