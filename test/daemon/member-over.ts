/** A member whose log is real and whose membership is a test's to set, and its administration. */
import type { Test } from 'tap';
import { systemClock } from '#src/adapters/clock-system.js';
import { logLedger } from '#src/daemon/cluster/ledger.js';
import { MemberAdmin, type MemberView } from '#src/daemon/cluster/member-admin.js';
import { nodeId } from '#src/paxos/ballot.js';
import type { Configuration } from '#src/paxos/configuration.js';
import { slot } from '#src/paxos/slot.js';
import type { ClusterLog, MemberChange, MemberSet, ReplicaStatus } from '#src/ports/cluster-log.js';
import type { ReplicatedLog } from '#src/ports/log.js';
import type { Timers } from '#src/ports/timers.js';
import { freshLog, identity } from '../log/support.js';

export const CONFIGURATION: Configuration = {
  id: 1,
  voters: [nodeId('alpha')],
  learners: [nodeId('b'), nodeId('c')],
  after: slot(0),
};

const STATUS: ReplicaStatus = {
  node: 'alpha',
  role: 'leader',
  standing: 'voting',
  isProven: true,
  leader: 'alpha',
  ballot: { round: 1, node: 'alpha' },
  configuration: CONFIGURATION,
  lastSlot: slot(0),
  decidedSlot: slot(0),
  appliedSlot: slot(0),
  checkpointSlot: slot(0),
  isFull: false,
  diskStalls: false,
  isFetching: false,
  members: [],
};

export type MemberLog = ReplicatedLog & ClusterLog;

/**
 * `log` as a member's, with `first` as its members; notes what it is asked to become. `before`: what happens before a
 * change comes about.
 */
export function memberOver(
  log: ReplicatedLog,
  first = CONFIGURATION,
  before: () => Promise<void> = async () => undefined,
) {
  const changes: MemberSet[] = [];
  let configuration = first;
  const reconfigure = async (change: MemberChange): Promise<Configuration> => {
    await before();
    const members = change(configuration);
    changes.push(members);
    const [voters, learners] = [members.voters.map(nodeId), members.learners.map(nodeId)];
    configuration = { id: configuration.id + 1, voters, learners, after: slot(0) };
    return configuration;
  };
  const member: MemberLog = Object.assign(Object.create(log) as ReplicatedLog, {
    identity,
    append: log.append.bind(log),
    read: log.read.bind(log),
    replicaStatus: () => ({ ...STATUS, configuration }),
    reconfigure,
    transferLeadership: () => undefined,
  });
  return { log: member, changes };
}

/** With a name in the log for each. */
export async function namedMembers(t: Test, nodes: readonly string[]): Promise<ReplicatedLog> {
  const { log } = await freshLog(t);
  for (const [index, node] of nodes.entries()) {
    if (index === 0) await log.append({ type: 'putMember', node, address: `${node}:7420` });
    else {
      const hash = String(index).padStart(64, '0');
      await log.append({ type: 'addToken', hash, expires: Number.MAX_SAFE_INTEGER, node });
      await log.append({ type: 'useToken', hash, node, key: null, address: `${node}:7420` });
    }
  }
  return log;
}

/** They keep the test's process alive. */
const keptTimers: Timers = {
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs);
    return () => {
      clearTimeout(timer);
    };
  },
};

/** `isProven` alone, or all that it sees of the others. */
export function adminOver(
  log: MemberLog,
  isProven: MemberView['isProven'] = () => true,
  view: Partial<MemberView> = {},
  timers: Timers = keptTimers,
): MemberAdmin {
  const status = (): never => {
    throw new Error('not asked for in this test');
  };
  const seen = { status, isProven, isReached: () => true, judgedWithinMs: 0, ...view };
  return new MemberAdmin(log, logLedger(log, systemClock), { issueToken: status, renew: status }, seen, timers);
}
