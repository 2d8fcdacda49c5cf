/** What the contract suite of replica-store.ts needs of an adapter, and words to speak with it. */
import type { Test } from 'tap';
import { SnapcommitError } from '#src/errors.js';
import { nodeId } from '#src/paxos/ballot.js';
import { slot, type LogEntry } from '#src/paxos/contiguous-log.js';
import type { StoreIdentity } from '#src/ports/log-store.js';
import type { CheckedCheckpoint, ReplicaStore } from '#src/ports/replica-store.js';
import { entry } from './log-store.js';

/** What stands behind a store, and outlives it. */
export interface DiskUnderTest {
  /** A daemon starts on it. What was opened before is closed, as a process that ended. */
  open(): Promise<ReplicaStore>;
  /** A volume snapshot of it. */
  copy(): Promise<DiskUnderTest>;
  damage(at: number, how: 'missing' | 'flipped' | { readonly misdirected: number }): void;
  damageCheckpoint(): void;
  damageArchived(group: string, generation: number): void;
}

export type MakeDisk = (t: Test, identity: StoreIdentity) => Promise<DiskUnderTest>;

export const replicaIdentity: StoreIdentity = {
  cluster: 'c0',
  node: 'alpha',
  incarnation: 3,
  configuration: { id: 1, voters: ['alpha', 'beta', 'gamma'].map(nodeId), learners: [], after: slot(0) },
  mode: 'cluster',
};

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function textOf(bytes: Uint8Array | undefined | null): string | null {
  return bytes === undefined || bytes === null ? null : new TextDecoder().decode(bytes);
}

export function numbered(first: number, last: number): readonly LogEntry[] {
  return Array.from({ length: last - first + 1 }, (_, index) => entry(String(first + index)));
}

export async function failureOf(promise: Promise<unknown>): Promise<SnapcommitError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof SnapcommitError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof SnapcommitError) return error.code;
    throw error;
  }
  return 'done';
}

/** A peer's checkpoint as chunks. */
export async function chunksOf(store: ReplicaStore): Promise<readonly Uint8Array[]> {
  const reader = await store.readCheckpoint();
  if (reader === null) throw new Error('there is no checkpoint');
  const chunks: Uint8Array[] = [];
  for (let chunk = await reader.next(); chunk !== null; chunk = await reader.next()) chunks.push(chunk);
  await reader.close();
  return chunks;
}

export async function stage(store: ReplicaStore, chunks: readonly Uint8Array[]): Promise<CheckedCheckpoint> {
  const installer = await store.install();
  for (const chunk of chunks) await installer.write(chunk);
  return installer.check();
}
