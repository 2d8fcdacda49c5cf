/** The cluster's administration for a command: through the daemon of the member that this state directory is. */
import { systemClock } from '../../adapters/clock-system.js';
import { SnapcommitError } from '../../errors.js';
import { logIdentity, readStoreIdentity } from '../open-log.js';
import type { MemberSettings } from '../settings.js';
import { assertOurs } from '../state-directory.js';
import type { ClusterAdmin } from './admin.js';
import { CHANGE_TIMEOUT_MS } from './patience.js';
import { RemoteAdmin } from './remote-admin.js';

export interface ClusterClient extends ClusterAdmin {
  close(): void;
}

export interface ClusterOptions {
  readonly stateDirectory: string;
  readonly settings?: Partial<MemberSettings>;
  /** For each request; null: as long as a change of membership may take. */
  readonly timeoutMs: number | null;
}

/** @throws UNAVAILABLE when this log is no cluster's member, or its daemon does not answer. */
export async function openCluster({ stateDirectory, timeoutMs }: ClusterOptions): Promise<ClusterClient> {
  await assertOurs(stateDirectory);
  const identity = await readStoreIdentity(stateDirectory);
  if (identity.mode === 'embedded') throw isEmbedded(stateDirectory);
  const admin = new RemoteAdmin({
    stateDirectory,
    identity: logIdentity(identity),
    clock: systemClock,
    timeoutMs: timeoutMs ?? CHANGE_TIMEOUT_MS,
  });
  await admin.connect();
  return admin;
}

export function isEmbedded(stateDirectory: string): SnapcommitError {
  return new SnapcommitError(
    'UNAVAILABLE',
    `the log in ${stateDirectory} belongs to this machine alone. \`snapcommit cluster init --address HOST:PORT\` makes it ` +
      "a cluster's first member",
    { stateDirectory },
  );
}
