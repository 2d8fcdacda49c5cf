/**
 * What one node's disk holds, and what may happen to it: the memory form of a replica's store behind sim-store.ts. It
 * outlives the node's processes. Rows carry a chain like the real store's, so that damage can be told and healed.
 */
import type { Configuration } from '#src/paxos/configuration.js';
import type { LogEntry, Slot } from '#src/paxos/contiguous-log.js';
import type { Write } from '#src/paxos/effects.js';
import type { StoreHead, StoreIdentity } from '#src/ports/log-store.js';
import type { ArchiveWrite, StoreBatch, StoreLife } from '#src/ports/replica-store.js';
import { mix } from './random.js';

export interface Row {
  readonly entry: LogEntry;
  readonly chain: number;
  readonly damaged: boolean;
}

/** Everything durable. Its parts are replaced, never changed, but for the two maps. */
export interface Image {
  identity: StoreIdentity;
  life: StoreLife;
  remembered: Readonly<Record<string, StoreLife>>;
  head: StoreHead;
  baseChain: number;
  checkpoint: { readonly slot: Slot; readonly bytes: Uint8Array; readonly damaged: boolean } | null;
  readonly rows: Map<number, Row>;
  readonly archive: Map<string, { readonly group: string; readonly generation: number; readonly bytes: Uint8Array }>;
}

export function archiveKey(group: string, generation: number): string {
  return `${group}@${String(generation)}`;
}

export function copyOf(image: Image): Image {
  return { ...image, rows: new Map(image.rows), archive: new Map(image.archive) };
}

export function chainAfter(chain: number, { ballot, bytes, next }: LogEntry): number {
  let hash = mix(mix(chain, ballot.round), ballot.node);
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return mix(hash >>> 0, next === null ? 0 : next.id);
}

export function chainAt(image: Image, at: number): number | undefined {
  return at === image.head.base ? image.baseChain : image.rows.get(at)?.chain;
}

/** One transaction: all of it. */
export function applyBatch(image: Image, batch: StoreBatch): void {
  for (const write of batch.writes ?? []) applyWrite(image, write);
  for (const change of batch.archive ?? []) applyArchive(image, change);
  if (batch.applied !== undefined) image.head = { ...image.head, applied: batch.applied };
  if (batch.checkpoint !== undefined) {
    const slot = image.head.applied;
    image.checkpoint = { slot, bytes: batch.checkpoint.bytes, damaged: false };
    image.head = { ...image.head, checkpoint: slot };
    dropRows(image, Math.max(image.head.base, slot - batch.checkpoint.keep));
  }
  if (batch.identity !== undefined) image.identity = { ...image.identity, ...batch.identity };
  if (batch.remembered !== undefined) image.remembered = { ...image.remembered, ...batch.remembered };
  image.life = { ...image.life, batches: image.life.batches + 1 };
}

function applyWrite(image: Image, write: Write): void {
  const { promised, accepted, decided, first, entries } = write;
  for (let at = first as number; at <= image.head.last; at += 1) image.rows.delete(at);
  let chain = chainAt(image, first - 1);
  if (chain === undefined) throw new Error(`rows from slot ${String(first)} on would leave a gap`);
  entries.forEach((entry, index) => {
    chain = chainAfter(chain ?? 0, entry);
    image.rows.set(first + index, { entry, chain, damaged: false });
  });
  const last = (first - 1 + entries.length) as Slot;
  image.head = { ...image.head, promised, accepted, decided, last };
  const configuration = configurationOf(write);
  if (configuration !== undefined) image.identity = { ...image.identity, configuration };
}

function configurationOf(write: Write): Configuration | undefined {
  return 'configuration' in write ? (write as { configuration?: Configuration }).configuration : undefined;
}

function applyArchive(image: Image, change: ArchiveWrite): void {
  const { group, generation } = change;
  if (change.kind === 'delete') image.archive.delete(archiveKey(group, generation));
  else image.archive.set(archiveKey(group, generation), { group, generation, bytes: change.bytes });
}

export function dropRows(image: Image, through: number): void {
  const chain = chainAt(image, through);
  if (chain === undefined) return;
  for (let at = image.head.base + 1; at <= through; at += 1) image.rows.delete(at);
  image.baseChain = chain;
  image.head = { ...image.head, base: through as Slot };
}
