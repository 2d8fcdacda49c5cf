/**
 * Of what kind the volumes of a world are: SNAPCOMMIT_TEST_VOLUMES is `btrfs` (as without it), `zfs` (datasets of one pool)
 * or `mixed` (datasets of two pools, and a btrfs between them).
 */
import type { Test } from 'tap';
import { requireBtrfs, requireZfs } from './requirements.js';

/** A filesystem of its own, or a dataset of the pool of that number. */
export type VolumeKind = { readonly kind: 'btrfs' } | { readonly kind: 'zfs'; readonly pool: number };

const BTRFS: VolumeKind = { kind: 'btrfs' };
const KINDS: Readonly<Record<string, readonly [VolumeKind, ...VolumeKind[]]>> = {
  btrfs: [BTRFS],
  zfs: [{ kind: 'zfs', pool: 0 }],
  mixed: [{ kind: 'zfs', pool: 0 }, BTRFS, { kind: 'zfs', pool: 1 }],
};

const fromEnvironment = process.env['SNAPCOMMIT_TEST_VOLUMES'] ?? 'btrfs';

function kinds(chosen: string): readonly [VolumeKind, ...VolumeKind[]] {
  const known = KINDS[chosen];
  if (known === undefined) throw new Error(`SNAPCOMMIT_TEST_VOLUMES=${chosen}: btrfs, zfs or mixed`);
  return known;
}

/** What the world's volume of that number is made of. */
export function kindOf(index: number, chosen = fromEnvironment): VolumeKind {
  const known = kinds(chosen);
  return known[index % known.length] ?? known[0];
}

/** Ends the file unless volumes of the chosen kinds can be made here. */
export function requireVolumes(t: Test, chosen = fromEnvironment): void {
  if (kinds(chosen).some(({ kind }) => kind === 'btrfs')) requireBtrfs(t);
  if (kinds(chosen).some(({ kind }) => kind === 'zfs')) requireZfs(t);
}

/** SNAPCOMMIT_TEST_SHARE=0.1 makes a tenth of what a suite repeats, for machines that are slow; two at least. */
export function share(count: number): number {
  return Math.max(2, Math.round(count * Number(process.env['SNAPCOMMIT_TEST_SHARE'] ?? 1)));
}
