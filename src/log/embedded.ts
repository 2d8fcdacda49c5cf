/** The embedded form: one replica over a store, inside whatever process opens it. */
import { SnapcommitError } from '../errors.js';
import { nodeId } from '../paxos/ballot.js';
import type { Configuration } from '../paxos/configuration.js';
import { slot } from '../paxos/slot.js';
import type { Clock } from '../ports/clock.js';
import type { LogStore, StoreIdentity } from '../ports/log-store.js';
import type { ReplicatedLog } from '../ports/log.js';
import { EmbeddedLog } from './host.js';

export interface EmbeddedDependencies {
  readonly clock: Clock;
  /** Refuse (LOG_FOREIGN) the log of another cluster or node than this. */
  readonly expected?: { readonly cluster?: string; readonly node?: string };
}

/** The configuration of a log with one voter. */
export function soleVoter(node: string): Configuration {
  return { id: 1, voters: [nodeId(node)], learners: [], after: slot(0) };
}

/**
 * The log over a store that is open; closes it when it is not ours to serve.
 * @throws LOG_FOREIGN, LOG_CORRUPT, and UNAVAILABLE when more than this node votes: then only the daemon may open it (T2).
 */
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
  const { cluster, node, configuration, mode } = identity;
  const foreign = (expected?.cluster ?? cluster) !== cluster || (expected?.node ?? node) !== node;
  if (foreign)
    throw new SnapcommitError(
      'LOG_FOREIGN',
      `the log ${file} belongs to node ${node} of cluster ${cluster}, not to this one. Name this node's own state directory`,
      { file, cluster, node },
    );
  const isSole = configuration.voters.length === 1 && configuration.voters[0] === nodeId(node);
  if (isSole && mode === 'embedded') return;
  throw new SnapcommitError(
    'UNAVAILABLE',
    `the log ${file} belongs to a cluster (${String(configuration.voters.length)} voting), so only the daemon may open it. Start it with: snapcommit daemon`,
    { file },
  );
}
