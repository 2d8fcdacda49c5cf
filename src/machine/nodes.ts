/**
 * The nodes of a cluster by name: who they are and where they listen. PURE. Which of them vote on the log is the log's
 * own configuration, and not judged here. A log that never became a cluster has no members.
 *
 * A name stands for one machine as long as anything names it: volumes and manifests say on which node a snapshot is, so
 * a name that volumes still carry is given to no other node.
 */
import { ADDRESS_LAW, parseAddress } from './address.js';
import type { PutMember, RemoveMember } from './entry.js';
import { nodesNamedByTargets, withoutTargetsOn } from './freeze-targets.js';
import { inTransaction } from './groups.js';
import { openTransactions } from './queries.js';
import { badName, nodeNotFound } from './refusals.js';
import { isName } from './names.js';
import { compareText, lookup, mapRecord, withKey, withoutKey } from './record.js';
import { DEPARTED_KEPT, type State } from './state.js';
import { done, refusal, refused, type Refusal, type Step } from './step.js';
import { forfeitVolume } from './volumes.js';

/** Founds the list with its first member, changes a member's address, or enters a node under a name that is free. */
export function putMember(state: State, { node, address }: PutMember): Step {
  if (!isName(node)) return refused(state, badName('node', node));
  const founds = Object.keys(state.members).length === 0;
  const known = lookup(state.members, node) !== undefined;
  const problem = addressProblem(address) ?? (founds || known ? null : nodeNameTaken(state, node));
  if (problem !== null) return refused(state, problem);
  return done(entered(state, node, address));
}

/** `node` is a member at `address`; one that drains goes on draining. */
export function entered(state: State, node: string, address: string): State {
  const departed = state.departed.filter((one) => one !== node);
  return { ...state, departed, members: withKey(state.members, node, { ...lookup(state.members, node), address }) };
}

/**
 * What stands on the node keeps it in the cluster, unless the entry says that it is forfeited with it. A node that was removed
 * already is answered as removed: whoever asks again has lost the first answer.
 */
export function removeMember(state: State, { node, forfeit }: RemoveMember): Step {
  if (lookup(state.members, node) === undefined)
    return state.departed.includes(node) ? done(state) : refused(state, nodeNotFound(node));
  const problem = lastMember(state, node) ?? drivesTransaction(state, node);
  if (problem !== null) return refused(state, problem);
  const left = forfeit ? withoutWhatIsThere(state, node) : keepsNothing(state, node);
  if (!left.outcome.ok) return refused(state, left.outcome);
  const { members, pins } = left.state;
  // Nobody could tell any more whether a process of that node still lives.
  const kept = mapRecord(pins, (pin) => (pin.holder.node === node ? undefined : pin));
  const departed = [...state.departed, node].slice(-DEPARTED_KEPT);
  return done({ ...left.state, departed, members: withoutKey(members, node), pins: kept });
}

/** EXISTS unless nobody has this name: neither a member nor, from an earlier one, a volume. */
export function nodeNameTaken(state: State, node: string): Refusal | null {
  const member = lookup(state.members, node);
  if (member !== undefined) {
    const message = `There is a node ${node} already, at ${member.address}: choose another name, or make the join token for this very node.`;
    return refusal('EXISTS', message, { node, address: member.address });
  }
  const [volume] = volumesOf(state, node, true);
  if (volume === undefined) return null;
  const message = `The name ${node} belongs to the node of volume ${volume}: choose another name, or, if it is that node, make the join token for it.`;
  return refusal('EXISTS', message, { node, volume });
}

/** What enters the state, every daemon will call: an address that one of them could not read would end them all. */
export function addressProblem(address: string): Refusal | null {
  if (parseAddress(address) !== null) return null;
  const message = `${JSON.stringify(address)} is no address: write ${ADDRESS_LAW}.`;
  return refusal('USAGE', message, { address });
}

function lastMember(state: State, node: string): Refusal | null {
  if (Object.keys(state.members).length > 1) return null;
  return refusal('IN_USE', `Node ${node} is the cluster's last one and cannot be removed.`, { node });
}

/** Whoever drives it there still decides it; where that node is gone, another takes the transaction over and aborts it. */
function drivesTransaction(state: State, node: string): Refusal | null {
  const open = openTransactions(state).find(({ coordinator }) => coordinator.node === node);
  if (open === undefined) return null;
  const { transaction, group } = open.begin;
  const message = `Node ${node} drives transaction ${transaction} of group ${group}, which is open: wait until it ends, or run \`snapcommit recover\`.`;
  return refusal('BUSY', message, { node, transaction, group });
}

function keepsNothing(state: State, node: string): Step {
  const problem = hasVolumes(state, node) ?? hasTargets(state, node);
  return problem === null ? done(state) : refused(state, problem);
}

function hasVolumes(state: State, node: string): Refusal | null {
  const volumes = volumesOf(state, node, false);
  if (volumes.length === 0) return null;
  const message = `Node ${node} has volume ${volumes.join(', ')}: where the disk is in another node now, run \`snapcommit volume move\` there; what is needed no more, remove with \`snapcommit volume remove\` on ${node}; what is lost with the node, forfeit with \`snapcommit volume forfeit\`, or all of it with \`snapcommit cluster remove ${node} --forfeit-volumes\`.`;
  return refusal('IN_USE', message, { node, volumes });
}

function hasTargets(state: State, node: string): Refusal | null {
  const groups = Object.values(state.groups)
    .filter(({ record }) => nodesNamedByTargets(record).includes(node))
    .map(({ record }) => record.name)
    .sort(compareText);
  if (groups.length === 0) return null;
  const message = `Group ${groups.join(', ')} freezes writers on node ${node}: change that with \`snapcommit group update\` first.`;
  return refusal('IN_USE', message, { node, groups });
}

/** Forfeits its volumes one by one, and takes its writers out of every group. */
function withoutWhatIsThere(state: State, node: string): Step {
  let next = state;
  for (const volume of volumesOf(state, node, false)) {
    const step = forfeitVolume(next, { type: 'forfeitVolume', volume });
    if (!step.outcome.ok) return step;
    next = step.state;
  }
  for (const group of Object.values(next.groups)) {
    if (!nodesNamedByTargets(group.record).includes(node)) continue;
    const problem = inTransaction(next, group.record.name);
    if (problem !== null) return refused(state, problem);
    const record = withoutTargetsOn(group.record, node);
    next = { ...next, groups: withKey(next.groups, record.name, { ...group, record }) };
  }
  return done(next);
}

/** Sorted by name. A forfeited volume is nothing that its node has, and yet its generations name that node. */
function volumesOf(state: State, node: string, alsoForfeited: boolean): readonly string[] {
  return Object.values(state.volumes)
    .filter(({ record, forfeited }) => record.node === node && (alsoForfeited || !forfeited))
    .map(({ record }) => record.name)
    .sort(compareText);
}
