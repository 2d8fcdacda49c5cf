/**
 * `cluster init`: an embedded log becomes a cluster of one, without losing an entry. There is one moment at which it
 * changes hands: one sync of the store. Before it, the embedded form goes on as if nothing had been; after it, only the
 * daemon may open the log. Nobody else is contacted here, so a crash leaves one log (T2).
 */
import { join } from 'node:path';
import { nodeFiles } from '../../adapters/node-files.js';
import { systemClock } from '../../adapters/clock-system.js';
import { crashPoint } from '../../crash-points.js';
import { SnapcommitError } from '../../errors.js';
import { assertStamps } from '../../participant/stamps.js';
import { withDaemonLock } from '../daemon-lock.js';
import { LOG_FILE, openEmbeddedLog } from '../embedded-log.js';
import { readStoreIdentity } from '../open-log.js';
import { assertOurs, logDirectory } from '../state-directory.js';
import { clusterDirectory, writeContacts } from './place.js';

export interface FoundedReport {
  readonly stateDirectory: string;
  readonly cluster: string;
  readonly node: string;
  readonly address: string;
}

export interface FoundingOptions {
  readonly stateDirectory: string;
  /** `HOST:PORT` at which the others will reach this node. */
  readonly address: string;
}

/** @throws EXISTS when it is a cluster's member already; BUSY when a daemon runs. */
export async function initCluster(options: FoundingOptions): Promise<FoundedReport> {
  const { stateDirectory, address } = options;
  await assertOurs(stateDirectory);
  return withDaemonLock(stateDirectory, async () => {
    const { cluster, node, mode } = await readStoreIdentity(stateDirectory);
    if (mode === 'cluster') throw isMember(stateDirectory, cluster, node);
    crashPoint('cluster.before-credentials');
    await makeCredentials(stateDirectory, cluster, node);
    await writeContacts(stateDirectory, { address, members: [] });
    crashPoint('cluster.after-credentials');
    await enterFirstMember(stateDirectory, node, address);
    crashPoint('cluster.before-mark');
    await mark(stateDirectory);
    crashPoint('cluster.after-mark');
    return { stateDirectory, cluster, node, address };
  });
}

/** What an interrupted attempt has made is used by nobody yet, and made anew. */
async function makeCredentials(stateDirectory: string, cluster: string, node: string): Promise<void> {
  const { CredentialFiles, issue, makeAuthority, makeKeyAndRequest } =
    await import('../../adapters/certificates/index.js');
  const files = new CredentialFiles(clusterDirectory(stateDirectory));
  const now = systemClock.now();
  const authority = await makeAuthority(cluster, now);
  await files.writeAuthority(authority);
  const { key, request } = await makeKeyAndRequest({ cluster, node });
  const certificate = await issue(authority, { name: { cluster, node }, request, now });
  await files.writeCredentials({ certificate, key, authorities: [authority.certificate] });
}

async function enterFirstMember(stateDirectory: string, node: string, address: string): Promise<void> {
  const log = await openEmbeddedLog(logDirectory(stateDirectory), { clock: systemClock });
  try {
    await assertStamps(nodeFiles, await log.read(), log);
    const result = await log.append({ type: 'putMember', node, address });
    if (result.status !== 'chosen') throw new SnapcommitError('UNAVAILABLE', result.reason);
    const { outcome } = result;
    if (!outcome.ok) throw new SnapcommitError(outcome.code, outcome.message, outcome.details);
    // Who joins learns all up to here in pieces: entries from before they had a bound fit into no message.
    await log.checkpoint();
  } finally {
    log.close();
  }
}

/** Commands of the embedded form may write between our opening and our marking: then it is tried again. */
const MARK_ATTEMPTS = 20;

/** The one sync. Commands that have the log open see it at their next operation (log/memory.ts). */
async function mark(stateDirectory: string): Promise<void> {
  const { openReplicaStore } = await import('../../adapters/store-sqlite/replica/index.js');
  for (let left = MARK_ATTEMPTS; ; left -= 1) {
    const store = await openReplicaStore(join(logDirectory(stateDirectory), LOG_FILE));
    try {
      await store.persist({ identity: { mode: 'cluster' } });
      return;
    } catch (error) {
      const isOvertaken = error instanceof SnapcommitError && error.code === 'BUSY';
      if (!isOvertaken || left === 1) throw error;
    } finally {
      await store.close();
    }
  }
}

function isMember(stateDirectory: string, cluster: string, node: string): SnapcommitError {
  return new SnapcommitError(
    'EXISTS',
    `the log in ${stateDirectory} is the member ${node} of cluster ${cluster} already; \`snapcommit cluster token\` lets another node join.`,
    { stateDirectory, cluster, node },
  );
}
