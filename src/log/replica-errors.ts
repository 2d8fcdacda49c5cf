/** What a replica tells people when its store or its peers are not what they should be: what happened, to what, what to do. */
import { SnapcommitError } from '../errors.js';
import type { CheckedCheckpoint, Loaded } from '../ports/replica-store.js';
import type { LifeVerdict } from './store-life.js';

/** Damaged records that a message names. */
const NAMED_MAX = 5;

export function checkpointUnreadable(file: string): SnapcommitError {
  return new SnapcommitError(
    'UNAVAILABLE',
    `the checkpoint in ${file} cannot be read; it is being fetched from a peer. Try again a little later`,
    { file },
  );
}

export function archiveUnreadable(
  file: string,
  records: readonly { readonly group: string; readonly generation: number }[],
): string {
  const names = records.slice(0, NAMED_MAX).map(({ group, generation }) => `${group}@${String(generation)}`);
  const more = records.length > NAMED_MAX ? ` and ${String(records.length - NAMED_MAX)} more` : '';
  return `the log is damaged: ${file}: the records of ${names.join(', ')}${more} cannot be read. A peer's checkpoint is fetched in their place`;
}

export function logUnreadable(file: string, { damaged, checkpoint }: Pick<Loaded, 'damaged' | 'checkpoint'>): string {
  const parts = [
    ...(checkpoint.kind === 'damaged' ? [`the checkpoint of slot ${String(checkpoint.slot)}`] : []),
    ...(damaged.length > 0 ? [`slots ${damaged.join(', ')}`] : []),
  ];
  return `the log is damaged: ${parts.join(' and ')} of ${file} cannot be read. This node does not vote until its peers have healed it`;
}

export function nobodyToHeal(file: string): SnapcommitError {
  return new SnapcommitError(
    'LOG_CORRUPT',
    `the log is damaged: the checkpoint in ${file} cannot be read, and this node has no peers to fetch one from. Restore the file from a backup, or rebuild the log from the volumes`,
    { file },
  );
}

/** It would be installed with members that came later than its slot. */
export function checkpointWithoutMembers({ slot, configuration }: CheckedCheckpoint): SnapcommitError {
  return new SnapcommitError(
    'EXPECTATION_FAILED',
    `the checkpoint of slot ${String(slot)} came with configuration ${String(configuration.id)}, which began after slot ${String(configuration.after)}; another is asked for`,
    { slot },
  );
}

export function checkpointTooOld(file: string, slot: number, base: number): SnapcommitError {
  return new SnapcommitError(
    'EXPECTATION_FAILED',
    `the checkpoint of slot ${String(slot)} ends before the log of ${file} begins, after slot ${String(base)}; another is asked for`,
    { file, slot },
  );
}

export function forgetfulReason(file: string, peer: string, verdict: LifeVerdict): string {
  const what = {
    wiped: 'knows this node by another store, which is gone',
    rolledBack: 'has seen this store further on than it is now, so it was set back',
    cloned: 'has seen another copy of this store',
    known: 'knows this store',
    new: 'does not know this node',
  }[verdict];
  return `${peer} ${what} (${file}). This node only learns from here on; to let it vote again, remove it from the cluster and add it anew`;
}

export function stoppedServing(file: string, stopped: Error): SnapcommitError {
  return new SnapcommitError(
    'LOG_LATCHED',
    `the log ${file} stopped, and serves nothing until the daemon is started again: ${stopped.message}`,
    { file },
    stopped,
  );
}

export function isCorrupt(error: unknown): boolean {
  return error instanceof SnapcommitError && error.code === 'LOG_CORRUPT';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
