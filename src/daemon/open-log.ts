/**
 * Which form of the log a command uses, decided by what is durable in the store and by nothing else (T2): an embedded
 * store is opened here and now, a cluster's member is reached through its daemon, and without that daemon not at all.
 */
import { join } from 'node:path';
import type { Clock } from '../ports/clock.js';
import type { StoreIdentity } from '../ports/log-store.js';
import type { ReplicatedLog } from '../ports/log.js';
import { LOG_FILE } from './embedded-log.js';
import type { ClusterAccess } from './participants/asker.js';
import { logDirectory } from './state-directory.js';

export interface OpenLogOptions {
  readonly stateDirectory: string;
  readonly clock: Clock;
  /** How long one operation may wait for a cluster, ms. */
  readonly logTimeoutMs: number;
  /** For the whole command (--timeout), from now on; null: as long as it takes. */
  readonly commandTimeoutMs: number | null;
  /** An old answer rather than none, where a majority cannot be asked. */
  readonly stale: boolean;
}

export interface OpenedLog {
  readonly log: ReplicatedLog;
  /** The way to the other nodes, over the log's own connection; null: there are none. */
  readonly cluster: ClusterAccess | null;
}

/** @throws as openEmbeddedLog; UNAVAILABLE when only the daemon may open it, and none answers. */
export async function openLog(options: OpenLogOptions): Promise<OpenedLog> {
  const { stateDirectory, clock, logTimeoutMs, commandTimeoutMs, stale } = options;
  const [{ openStore }, { openLogOn }] = await Promise.all([
    import('../adapters/store-sqlite/index.js'),
    import('../log/embedded.js'),
  ]);
  const store = openStore(join(logDirectory(stateDirectory), LOG_FILE));
  let identity: StoreIdentity;
  try {
    identity = store.snapshot((view) => view.identity);
    if (identity.mode === 'embedded') return { log: openLogOn(store, { clock }), cluster: null };
  } catch (error) {
    store.close();
    throw error;
  }
  store.close();
  const { openRemoteLog } = await import('./local-api/remote-log.js');
  const endsAtMs = commandTimeoutMs === null ? null : clock.monotonic() + commandTimeoutMs;
  const timeoutMs = logTimeoutMs;
  const log = await openRemoteLog({ stateDirectory, identity: logIdentity(identity), clock, timeoutMs, endsAtMs });
  return { log: stale ? new (await import('./local-api/stale-log.js')).StaleLog(log) : log, cluster: log };
}

/** What the store of this state directory says of itself. @throws STATE_NOT_FOUND, LOG_*. */
export async function readStoreIdentity(stateDirectory: string): Promise<StoreIdentity> {
  const { openStore } = await import('../adapters/store-sqlite/index.js');
  const store = openStore(join(logDirectory(stateDirectory), LOG_FILE));
  try {
    return store.snapshot((view) => view.identity);
  } finally {
    store.close();
  }
}

export function logIdentity({ cluster, node, incarnation }: StoreIdentity): ReplicatedLog['identity'] {
  return { cluster, node, incarnation };
}
