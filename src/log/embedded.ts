/**
 * The embedded form: one replica, in a directory, inside whatever process opens it. This file joins the host to the
 * SQLite store, and loads that only when a log is really made or opened.
 */
import { join } from 'node:path';
import { SnapcommitError } from '../errors.js';
import { nodeId } from '../paxos/ballot.js';
import type { Clock } from '../ports/clock.js';
import type { LogStore, StoreIdentity } from '../ports/log-store.js';
import type { LogIdentity, ReplicatedLog } from '../ports/log.js';
import { EmbeddedLog } from './host.js';

export const LOG_FILE = 'log.sqlite';

export interface EmbeddedDependencies {
  readonly clock: Clock;
  /** Refuse (LOG_FOREIGN) the log of another cluster or node than this. */
  readonly expected?: { readonly cluster?: string; readonly node?: string };
}

/** Makes a new log, durably. @throws EXISTS when there is one; STORE_FULL, STORE_READ_ONLY, DENIED with nothing made. */
export async function initEmbeddedLog(directory: string, identity: LogIdentity): Promise<void> {
  const { createStore } = await import('../adapters/store-sqlite/index.js');
  const configuration = { id: 1, voters: [nodeId(identity.node)] };
  createStore(join(directory, LOG_FILE), { ...identity, configuration });
}

/**
 * Opens the log that `init` made: its checkpoint and the few rows after it.
 * @throws STATE_NOT_FOUND, LOG_CORRUPT, LOG_FOREIGN, LOG_FORMAT_NEWER, STORE_READ_ONLY, STORE_FULL, DENIED, BUSY, and
 * UNAVAILABLE when more than this node votes: then only the daemon may open it (T2).
 */
export async function openEmbeddedLog(directory: string, dependencies: EmbeddedDependencies): Promise<ReplicatedLog> {
  const { openStore } = await import('../adapters/store-sqlite/index.js');
  return openLogOn(openStore(join(directory, LOG_FILE)), dependencies);
}

/** The same over a store that is open; closes it when it is not ours to serve. */
export function openLogOn(store: LogStore, dependencies: EmbeddedDependencies): ReplicatedLog {
  try {
    store.snapshot(({ identity }) => {
      assertOurs(identity, dependencies, store.file);
    });
    return new EmbeddedLog(store, dependencies.clock);
  } catch (error) {
    store.close();
    throw error;
  }
}

function assertOurs(identity: StoreIdentity, { expected }: EmbeddedDependencies, file: string): void {
  const { cluster, node, configuration } = identity;
  const foreign = (expected?.cluster ?? cluster) !== cluster || (expected?.node ?? node) !== node;
  if (foreign)
    throw new SnapcommitError(
      'LOG_FOREIGN',
      `the log ${file} belongs to node ${node} of cluster ${cluster}, not to this one. Name this node's own state directory`,
      { file, cluster, node },
    );
  if (configuration.voters.length === 1 && configuration.voters[0] === nodeId(node)) return;
  throw new SnapcommitError(
    'UNAVAILABLE',
    `the log ${file} has ${String(configuration.voters.length)} voters, so only the daemon may open it. Start it with: snapcommit daemon`,
    { file },
  );
}
