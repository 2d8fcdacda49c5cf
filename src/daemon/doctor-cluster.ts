/** `doctor` on a cluster's member: whether its daemon runs, whom that reaches, and why it does not reach the others. */
import { SnapcommitError } from '../errors.js';
import type { ClusterStatus } from './cluster/admin.js';
import type { CheckReport } from './reports.js';

/** Its daemon asks nobody for it. */
const STATUS_WAIT_MS = 2_000;
const CHECK = 'cluster';
const CLOCK_ADVICE = 'set the clock that is wrong, and see why nothing keeps it right, such as NTP';
const NETWORK_ADVICE = 'look whether those nodes and their daemons run, and at the network between them and this one';

export async function checkCluster(stateDirectory: string): Promise<CheckReport> {
  const { readStoreIdentity } = await import('./open-log.js');
  const identity = await readStoreIdentity(stateDirectory).catch((error: unknown) => {
    // What else is wrong with the store is told of the log.
    if (error instanceof SnapcommitError) return null;
    throw error;
  });
  if (identity?.mode !== 'cluster')
    return { check: CHECK, result: 'ok', message: 'this is no cluster’s member', advice: null };
  const { openCluster } = await import('./cluster/client.js');
  try {
    const cluster = await openCluster({ stateDirectory, timeoutMs: STATUS_WAIT_MS });
    try {
      return judgeCluster(await cluster.status());
    } finally {
      cluster.close();
    }
  } catch (error) {
    if (!(error instanceof SnapcommitError)) throw error;
    return { check: CHECK, result: 'problem', message: error.message, advice: 'start its daemon: snapcommit daemon' };
  }
}

function judgeCluster({ node, members, hasQuorum, clockRefusal }: ClusterStatus): CheckReport {
  const missing = members.filter(({ unreachableSince }) => unreachableSince !== null);
  const names = missing.map(({ node: other, refusal }) => (refusal === null ? other : `${other} (${refusal})`));
  if (clockRefusal !== null) {
    const message = `${node} reaches no majority, since clocks differ too much: ${clockRefusal}`;
    return { check: CHECK, result: 'problem', message, advice: CLOCK_ADVICE };
  }
  if (!hasQuorum) {
    const message = `${node} reaches no majority; out of reach: ${names.join(', ')}`;
    return { check: CHECK, result: 'problem', message, advice: NETWORK_ADVICE };
  }
  if (missing.length > 0)
    return { check: CHECK, result: 'warning', message: `out of reach: ${names.join(', ')}`, advice: NETWORK_ADVICE };
  return { check: CHECK, result: 'ok', message: `${node} reaches all ${String(members.length)} members`, advice: null };
}
