/**
 * `init`: a new store, whole or not there. It is built under a name of its own, synced, and linked to its place, so a
 * crash leaves either nothing (a repeat works) or a store that opens.
 */
import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, linkSync, openSync, readdirSync, rmSync, fsyncSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { crashPoint } from '../../crash-points.js';
import { SnapcommitError } from '../../errors.js';
import { NO_BALLOT } from '../../paxos/ballot.js';
import { slot, type Slot } from '../../paxos/contiguous-log.js';
import type { ArchivedRow, StoreIdentity } from '../../ports/log-store.js';
import { makeDirectory, syncDirectory } from './directory.js';
import { readOnly, translate } from './errors.js';
import { APPLICATION_ID, archiveCrc, CHAIN_START, checkpointCrc, FORMAT } from './format.js';
import { encodeMeta, type Meta } from './meta.js';
import { assertSpace, WRITE_FLOOR_BYTES } from './space.js';
import { type Database, Sqlite } from './sqlite.js';
import { SCHEMA } from './tables.js';

/** What a store begins with that does not begin empty: a rebuilt log. */
export interface StoreSeed {
  /** The checkpoint's slot: everything up to here counts as decided and applied. */
  readonly slot: Slot;
  readonly checkpoint: Uint8Array;
  readonly archive: readonly (ArchivedRow & { readonly group: string })[];
}

/** @throws EXISTS when `file` is there already; STORE_FULL, STORE_READ_ONLY, DENIED with nothing made. */
export function createStore(file: string, identity: StoreIdentity, seed: StoreSeed | null = null): void {
  try {
    makeDirectory(dirname(file));
    if (existsSync(file)) throw exists(file);
    removeLeftovers(file);
    assertSpace(file, WRITE_FLOOR_BYTES);
    build(file, `${file}.new-${String(process.pid)}`, identity, seed);
  } catch (error) {
    throw fileError(translate(error, file, 'open'), file);
  }
}

function build(file: string, building: string, identity: StoreIdentity, seed: StoreSeed | null): void {
  try {
    closeSync(openSync(building, 'wx', 0o600));
    fill(building, identity, seed);
    const descriptor = openSync(building, 'r');
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    crashPoint('log.before-sync');
    // A link, unlike a rename, never takes the place of a store that another init made meanwhile.
    linkSync(building, file);
  } finally {
    removeBuilding(building);
  }
  syncDirectory(dirname(file));
  crashPoint('log.after-sync');
}

/**
 * Closing folds SQLite's WAL into the file and removes it, so the one file is the whole store. Nothing here has to be
 * synced step by step: the file is not in its place yet, and it is synced whole before it gets there.
 */
function fill(building: string, identity: StoreIdentity, seed: StoreSeed | null): void {
  const database = new Sqlite(building, { fileMustExist: true });
  try {
    database.pragma('synchronous = OFF');
    database.pragma('journal_mode = WAL');
    // Setting the mode has made the pragma unset again (see store.ts).
    database.pragma('synchronous = OFF');
    database.pragma(`application_id = ${String(APPLICATION_ID)}`);
    database.pragma(`user_version = ${String(FORMAT)}`);
    database.exec(SCHEMA);
    if (seed !== null) sow(database, seed);
    const { body, crc } = encodeMeta(firstMeta(identity, seed?.slot ?? slot(0)));
    database.prepare('INSERT INTO meta (id, body, crc) VALUES (1, ?, ?)').run(body, crc);
  } finally {
    database.close();
  }
}

function sow(database: Database, { slot: at, checkpoint, archive }: StoreSeed): void {
  const checksum = checkpointCrc(at, CHAIN_START, checkpoint);
  const keep = database.prepare('INSERT INTO checkpoint (id, slot, chain, bytes, crc) VALUES (1, ?, ?, ?, ?)');
  keep.run(at, CHAIN_START, checkpoint, checksum);
  const put = database.prepare('INSERT INTO archive (group_name, generation, bytes, crc) VALUES (?, ?, ?, ?)');
  for (const { group, generation, bytes } of archive) {
    put.run(group, generation, bytes, archiveCrc(group, generation, bytes));
  }
}

function firstMeta(identity: StoreIdentity, at: Slot): Meta {
  const chain = CHAIN_START.toString('hex');
  const head = {
    promised: NO_BALLOT,
    accepted: NO_BALLOT,
    abstains: null,
    decided: at,
    applied: at,
    base: at,
    last: at,
    checkpoint: at,
  };
  const life = { id: randomUUID(), starts: 0, nonce: '', startedAt: 0, batches: 0, earlier: [] };
  return { identity, head, life, remembered: {}, baseChain: chain, checkpointChain: chain, lastChain: chain };
}

/** What an init left that died halfway. One that still runs keeps its files. */
function removeLeftovers(file: string): void {
  const prefix = `${basename(file)}.new-`;
  for (const name of readdirSync(dirname(file))) {
    const pid = Number.parseInt(name.slice(prefix.length), 10);
    if (name.startsWith(prefix) && !existsSync(`/proc/${String(pid)}`))
      rmSync(join(dirname(file), name), { force: true });
  }
}

function removeBuilding(building: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(building + suffix, { force: true });
}

function exists(file: string): SnapcommitError {
  return new SnapcommitError('EXISTS', `there is a log already: ${file}. Use it, or name another state directory`, {
    file,
  });
}

function noDirectory(file: string, cause: Error): SnapcommitError {
  const directory = dirname(file);
  const message = `${directory} is not a directory. Name another state directory`;
  return new SnapcommitError('STATE_DIRECTORY_INVALID', message, { directory }, cause);
}

/** Turns the file system's own errors into ours; everything else passes through as it is. */
export function fileError(error: unknown, file: string): unknown {
  if (!(error instanceof Error) || !('code' in error) || error instanceof SnapcommitError) return error;
  switch (error.code) {
    case 'EEXIST':
      return 'syscall' in error && error.syscall === 'mkdir' ? noDirectory(file, error) : exists(file);
    case 'EROFS':
      return readOnly(file, error);
    case 'EACCES':
    case 'EPERM':
      return new SnapcommitError(
        'DENIED',
        `this user may not read and write the log ${file}. Run as its owner`,
        { file },
        error,
      );
    case 'ENOTDIR':
      return noDirectory(file, error);
    case 'ENOSPC':
    case 'EDQUOT':
      return new SnapcommitError('STORE_FULL', `the filesystem of ${file} is full; free some space`, { file }, error);
    default:
      return error;
  }
}
