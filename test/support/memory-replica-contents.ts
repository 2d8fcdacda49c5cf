/** What a memory disk holds, and how a batch changes it. Nothing is changed in place. */
import { createHash } from 'node:crypto';
import {
  decodeStream,
  DIGEST_BYTES,
  type StagedCheckpoint,
} from '#src/adapters/store-sqlite/replica/checkpoint-stream.js';
import { follows, isWhole, rowOf, type StoredRow } from '#src/adapters/store-sqlite/format.js';
import { assertInvariant, InvariantError, SnapcommitError } from '#src/errors.js';
import { slot, type Slot } from '#src/paxos/contiguous-log.js';
import type { Write } from '#src/paxos/effects.js';
import type { StoreHead, StoreIdentity } from '#src/ports/log-store.js';
import type { StoreBatch, StoreLife, StoreSighting } from '#src/ports/replica-store.js';

/** Never changed in place: a copy of a disk is this object. */
export interface Contents {
  readonly identity: StoreIdentity;
  readonly life: StoreLife;
  readonly remembered: Readonly<Record<string, StoreSighting>>;
  readonly head: StoreHead;
  readonly baseChain: Buffer;
  readonly checkpointChain: Buffer;
  readonly lastChain: Buffer;
  /** `rows[i]` stands in the slot `base + 1 + i`; undefined where it cannot be read. */
  readonly rows: readonly (StoredRow | undefined)[];
  readonly checkpoint: Uint8Array | 'damaged' | null;
  readonly archive: ReadonlyMap<string, ReadonlyMap<number, Uint8Array | 'damaged'>>;
}

export function chainAt({ head, baseChain, checkpointChain, lastChain, rows }: Contents, at: Slot): Buffer | null {
  if (at === head.last) return lastChain;
  if (at === head.base) return baseChain;
  if (at === head.checkpoint) return checkpointChain;
  const row = rows[at - head.base - 1];
  return isWhole(row, at) ? row.chain : null;
}

export function rowsBetween({ head, rows }: Contents, after: Slot, through: Slot): StoredRow[] {
  return rows.slice(after - head.base, through - head.base).filter((row) => row !== undefined);
}

export function applyBatch(before: Contents, batch: StoreBatch, staged: StagedCheckpoint | null): Contents {
  let now = before;
  for (const write of batch.writes ?? []) {
    if (write.install !== null) now = installed(now, staged, write.install, write.first > write.install + 1);
    now = written(now, write);
  }
  for (const change of batch.archive ?? [])
    now = {
      ...now,
      archive: archiveWith(
        now.archive,
        change.group,
        change.generation,
        change.kind === 'put' ? new Uint8Array(change.bytes) : null,
      ),
    };
  if (batch.applied !== undefined) {
    assertInvariant(batch.applied <= now.head.decided, 'I3', 'an undecided slot is applied');
    now = { ...now, head: { ...now.head, applied: batch.applied } };
  }
  if (batch.adopt !== undefined) {
    if (batch.adopt < now.head.base) throw new SnapcommitError('EXPECTATION_FAILED', 'the checkpoint is too old');
    assertInvariant(batch.adopt <= now.head.decided, 'I4', 'an undecided checkpoint is adopted');
    now = installed(now, staged, batch.adopt, true);
  }
  if (batch.mend !== undefined) now = mended(now, staged, batch.mend);
  if (batch.checkpoint !== undefined) now = checkpointed(now, batch.checkpoint.bytes, batch.checkpoint.keep);
  if (batch.identity !== undefined) now = { ...now, identity: { ...now.identity, ...batch.identity } };
  if (batch.remembered !== undefined) now = { ...now, remembered: { ...now.remembered, ...batch.remembered } };
  return now;
}

function written(now: Contents, write: Write): Contents {
  const { head } = now;
  const { promised, accepted, abstains, decided, configuration, first, entries } = write;
  assertInvariant(first > head.base && first <= head.last + 1, 'I5', `rows from ${String(first)} leave a hole`);
  let chain = chainAt(now, slot(first - 1));
  if (chain === null) throw new SnapcommitError('LOG_CORRUPT', 'a row is damaged', { slot: first - 1 });
  const rows: StoredRow[] = [];
  for (const entry of entries) {
    const row = rowOf(chain, slot(first + rows.length), { ...entry, bytes: new Uint8Array(entry.bytes) });
    rows.push(row);
    chain = row.chain;
  }
  const applied = slot(Math.min(head.applied, decided));
  return {
    ...now,
    identity: { ...now.identity, configuration },
    head: { ...head, promised, accepted, abstains, decided, applied, last: slot(first - 1 + entries.length) },
    lastChain: chain,
    rows: [...now.rows.slice(0, first - head.base - 1), ...rows],
  };
}

function checkpointed(now: Contents, bytes: Uint8Array, keep: number): Contents {
  const { head, rows } = now;
  const at = head.applied;
  const base = slot(Math.max(head.base, at - keep));
  const [checkpointChain, baseChain] = [chainAt(now, at), chainAt(now, base)];
  if (checkpointChain === null || baseChain === null) throw new SnapcommitError('LOG_CORRUPT', 'a row is damaged');
  const kept = rows.slice(base - head.base);
  return {
    ...now,
    head: { ...head, checkpoint: at, base },
    rows: kept,
    checkpoint: new Uint8Array(bytes),
    checkpointChain,
    baseChain,
  };
}

function installed(now: Contents, staged: StagedCheckpoint | null, at: Slot, keepsRows: boolean): Contents {
  if (staged?.header.slot !== at) throw new InvariantError('P7', `no checkpoint of slot ${String(at)} was checked`);
  const { header, state } = staged;
  const chain = Buffer.from(header.chain, 'hex');
  const { head, identity } = now;
  if (keepsRows) assertInvariant(goesOnFrom(now, at, chain), 'I4', `our rows do not go on from slot ${String(at)}`);
  const isNewer = header.configuration.id > identity.configuration.id;
  let archive: Contents['archive'] = new Map();
  for (const { group, generation, bytes } of staged.archive()) archive = archiveWith(archive, group, generation, bytes);
  return {
    ...now,
    identity: {
      ...identity,
      incarnation: header.incarnation,
      configuration: isNewer ? header.configuration : identity.configuration,
    },
    head: {
      ...head,
      base: at,
      checkpoint: at,
      applied: at,
      decided: slot(Math.max(head.decided, at)),
      last: keepsRows ? head.last : at,
    },
    baseChain: chain,
    checkpointChain: chain,
    lastChain: keepsRows ? now.lastChain : chain,
    rows: keepsRows ? now.rows.slice(at - head.base) : [],
    checkpoint: new Uint8Array(state),
    archive,
  };
}

function mended(now: Contents, staged: StagedCheckpoint | null, at: Slot): Contents {
  if (staged?.header.slot !== at) throw new InvariantError('P7', `no checkpoint of slot ${String(at)} was checked`);
  let { archive } = now;
  for (const { group, generation, bytes } of staged.archive())
    if (archive.get(group)?.get(generation) === 'damaged') archive = archiveWith(archive, group, generation, bytes);
  return { ...now, archive };
}

function goesOnFrom(now: Contents, at: Slot, chain: Buffer): boolean {
  const known = chainAt(now, at);
  const next = now.rows[at - now.head.base];
  if (known === null) return !isWhole(next, at + 1) || follows(chain, next);
  return known.equals(chain) || (isWhole(next, at + 1) && follows(chain, next));
}

export function archiveWith(
  archive: Contents['archive'],
  group: string,
  generation: number,
  bytes: Uint8Array | 'damaged' | null,
): Contents['archive'] {
  const records = new Map(archive.get(group));
  if (bytes === null) records.delete(generation);
  else records.set(generation, bytes);
  return new Map(archive).set(group, records);
}

export function* archiveParts(archive: Contents['archive']) {
  for (const group of [...archive.keys()].sort())
    for (const [generation, bytes] of [...(archive.get(group) ?? [])].sort(([a], [b]) => a - b)) {
      if (bytes === 'damaged') throw new SnapcommitError('LOG_CORRUPT', 'an archived record is damaged');
      yield { group, generation, bytes };
    }
}

export function checkedStream(stream: Buffer, { cluster, incarnation }: StoreIdentity): StagedCheckpoint {
  const end = stream.length - DIGEST_BYTES;
  if (end < 0 || !createHash('sha256').update(stream.subarray(0, end)).digest().equals(stream.subarray(end)))
    throw new SnapcommitError('LOG_CORRUPT', 'the checkpoint that came is not what was sent');
  const staged = decodeStream((offset, length) => stream.subarray(offset, offset + length), stream.length);
  if (staged.header.cluster !== cluster || staged.header.incarnation < incarnation)
    throw new SnapcommitError('LOG_FOREIGN', `the checkpoint is of cluster ${staged.header.cluster}`);
  return staged;
}
