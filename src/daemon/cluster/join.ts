/**
 * `cluster join`: a certificate for a token, then an empty store that belongs to the cluster and may only learn. The key
 * is made and kept before anybody is asked: by it a repeat, after a crash or a lost answer, is known as one, and the same
 * token lets it in again. Whatever else a repeat finds here was never used.
 */
import { join as joinPath } from 'node:path';
import { systemClock } from '../../adapters/clock-system.js';
import { systemTimers } from '../../adapters/timers-system.js';
import { crashPoint } from '../../crash-points.js';
import { SnapcommitError } from '../../errors.js';
import { parseAddress } from '../../machine/address.js';
import { isName, nameProblem } from '../../machine/names.js';
import type { PeerName } from '../../wire/peer-uri.js';
import { withDaemonLock } from '../daemon-lock.js';
import { LOG_FILE } from '../embedded-log.js';
import { logDirectory, makeStateDirectory } from '../state-directory.js';
import { formatAddress } from './address.js';
import { clusterDirectory, writeContacts } from './place.js';
import { decodeWelcome, encodeAbout } from './welcome.js';

export interface JoinOptions {
  readonly stateDirectory: string;
  /** The token's text. */
  readonly token: string;
  readonly node: string;
  /** `HOST:PORT` at which the others will reach this node. */
  readonly address: string;
}

export interface JoinedReport {
  readonly stateDirectory: string;
  readonly cluster: string;
  readonly node: string;
  readonly address: string;
  readonly members: readonly string[];
}

/** @throws EXISTS when there is a log already; TOKEN_*, CERTIFICATE_INVALID, DENIED; UNAVAILABLE when no member answers; OUTCOME_UNKNOWN: join again. */
export async function joinCluster(options: JoinOptions): Promise<JoinedReport> {
  const { stateDirectory, token, node, address } = options;
  if (!isName(node)) throw new SnapcommitError('NAME_INVALID', nameProblem('node', node), { node });
  if (parseAddress(address) === null) throw new SnapcommitError('USAGE', `${address} is no address.`, { address });
  await makeStateDirectory(stateDirectory);
  return withDaemonLock(stateDirectory, async () => {
    const file = joinPath(logDirectory(stateDirectory), LOG_FILE);
    await refuseOtherLog(file);
    const { CredentialFiles, join } = await import('../../adapters/certificates/index.js');
    const files = new CredentialFiles(clusterDirectory(stateDirectory));
    const about = encodeAbout({ address });
    const applicant = { node, about, keysOf: (name: PeerName) => files.applicationKeys(name) };
    const granted = await join(token, applicant, systemClock, systemTimers);
    crashPoint('cluster.after-grant');
    const { cluster } = granted.name;
    const { incarnation, configuration, authority } = decodeWelcome(granted.welcome);
    await files.writeCredentials(granted);
    await files.writeAuthority(authority);
    const members = granted.members.map((one) => ({ node: one.node, address: formatAddress(one.address) }));
    await writeContacts(stateDirectory, { address, members });
    crashPoint('cluster.before-store');
    const { createStore } = await import('../../adapters/store-sqlite/index.js');
    createStore(file, { cluster, node, incarnation, configuration, mode: 'cluster' });
    crashPoint('cluster.after-store');
    await files.endApplication();
    return { stateDirectory, cluster, node, address, members: members.map((one) => one.node) };
  });
}

async function refuseOtherLog(file: string): Promise<void> {
  const { existsSync } = await import('node:fs');
  if (!existsSync(file)) return;
  throw new SnapcommitError(
    'EXISTS',
    `there is a log already: ${file}. A machine joins with an empty state directory: name another one, or, if this one's ` +
      'log is of no use any more, move the directory away first',
    { file },
  );
}
