/**
 * The embedded log on disk: one replica in a directory, inside whatever process opens it. Joins the SQLite store to the
 * log's host, and loads either only when a log is really made or opened.
 */
import { join } from 'node:path';
import type { EmbeddedDependencies } from '../log/embedded.js';
import type { GenerationRecord, State } from '../machine/state.js';
import type { LogIdentity, ReplicatedLog } from '../ports/log.js';

export const LOG_FILE = 'log.sqlite';

/** Makes a new log, durably. @throws EXISTS when there is one; STORE_FULL, STORE_READ_ONLY, DENIED with nothing made. */
export async function initEmbeddedLog(directory: string, identity: LogIdentity): Promise<void> {
  const { createStore } = await import('../adapters/store-sqlite/index.js');
  const { soleVoter } = await import('../log/embedded.js');
  createStore(join(directory, LOG_FILE), { ...identity, configuration: soleVoter(identity.node), mode: 'embedded' });
}

/** Makes a log that begins with a rebuilt state, durably and whole or not at all. @throws as `initEmbeddedLog`. */
export async function seedEmbeddedLog(
  directory: string,
  identity: LogIdentity,
  state: State,
  generations: readonly GenerationRecord[],
): Promise<void> {
  const [{ createStore }, { soleVoter }, { encodeGeneration, encodeState }] = await Promise.all([
    import('../adapters/store-sqlite/index.js'),
    import('../log/embedded.js'),
    import('../log/codec.js'),
  ]);
  const archive = generations.map((record) => {
    const { group, generation } = record;
    return { group, generation, bytes: encodeGeneration(record) };
  });
  const seed = { slot: state.applied, checkpoint: encodeState(state), archive };
  createStore(
    join(directory, LOG_FILE),
    { ...identity, configuration: soleVoter(identity.node), mode: 'embedded' },
    seed,
  );
}

/**
 * Opens the log that `init` made: its checkpoint and the few rows after it.
 * @throws STATE_NOT_FOUND, LOG_CORRUPT, LOG_FOREIGN, LOG_FORMAT_NEWER, STORE_READ_ONLY, STORE_FULL, DENIED, BUSY, and
 * UNAVAILABLE when more than this node votes: then only the daemon may open it (T2).
 */
export async function openEmbeddedLog(directory: string, dependencies: EmbeddedDependencies): Promise<ReplicatedLog> {
  const [{ openStore }, { openLogOn }] = await Promise.all([
    import('../adapters/store-sqlite/index.js'),
    import('../log/embedded.js'),
  ]);
  return openLogOn(openStore(join(directory, LOG_FILE)), dependencies);
}
