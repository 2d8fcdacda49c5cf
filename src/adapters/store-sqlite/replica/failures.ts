/** The failures that only a replica's store has. */
import { SnapcommitError } from '../../../errors.js';
import type { StoreIdentity } from '../../../ports/log-store.js';
import type { CheckpointHeader } from '../../../ports/replica-store.js';

export function overtaken(file: string): SnapcommitError {
  return new SnapcommitError(
    'BUSY',
    `another process has written to ${file} meanwhile; nothing was written. Load the log again`,
    { file },
  );
}

export function overtakenByDaemon(file: string): SnapcommitError {
  return new SnapcommitError(
    'BUSY',
    `another daemon has opened ${file}; nothing was written, and this one uses it no more. Let only one run on a state directory`,
    { file },
  );
}

/** A replica must not come back from a copy: it would forget what it has voted for since (D9). */
export function withAdviceForMember(error: unknown, file: string): unknown {
  if (!(error instanceof SnapcommitError) || error.code !== 'LOG_CORRUPT') return error;
  const what = typeof error.details['what'] === 'string' ? error.details['what'] : error.message;
  return new SnapcommitError(
    'LOG_CORRUPT',
    `the log ${file} cannot be opened: ${what}. What this member has voted for is not known any more. Keep the file, check the disk, and replace the member: remove it from the cluster, and join with an empty state directory`,
    error.details,
    error,
  );
}

/** @throws LOG_FOREIGN */
export function assertOfOurCluster(
  header: CheckpointHeader,
  { cluster, incarnation }: StoreIdentity,
  file: string,
): void {
  if (header.cluster === cluster && header.incarnation >= incarnation) return;
  throw new SnapcommitError(
    'LOG_FOREIGN',
    `the checkpoint is of cluster ${header.cluster}, incarnation ${String(header.incarnation)}, and ${file} is of cluster ${cluster}, incarnation ${String(incarnation)}; nothing was changed`,
    { file, cluster: header.cluster, incarnation: header.incarnation },
  );
}

export function workerGone(file: string, wasWriting: boolean, cause: unknown): SnapcommitError {
  return new SnapcommitError(
    wasWriting ? 'OUTCOME_UNKNOWN' : 'LOG_LATCHED',
    `the thread that keeps ${file} has ended, so this process uses it no more. Start the daemon again`,
    { file },
    cause,
  );
}
