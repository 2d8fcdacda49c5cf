/**
 * The nodes of a cluster by name: who they are and where they listen. PURE. Which of them vote on the log is the log's
 * own configuration, and not judged here. A log that never became a cluster has no members.
 *
 * A name stands for one machine as long as anything names it: volumes and manifests say on which node a snapshot is, so
 * a name that volumes still carry is given to no other node.
 */
import { ADDRESS_LAW, parseAddress } from './address.js';
import type { PutMember, RemoveMember } from './entry.js';
import { badName } from './refusals.js';
import { isName } from './names.js';
import { compareText, lookup, withKey, withoutKey } from './record.js';
import { DEPARTED_KEPT, type State } from './state.js';
import { done, refusal, refused, type Refusal, type Step } from './step.js';

/** Founds the list with its first member, changes a member's address, or enters a node under a name that is free. */
export function putMember(state: State, { node, address }: PutMember): Step {
  if (!isName(node)) return refused(state, badName('node', node));
  const founds = Object.keys(state.members).length === 0;
  const known = lookup(state.members, node) !== undefined;
  const problem = addressProblem(address) ?? (founds || known ? null : nodeNameTaken(state, node));
  if (problem !== null) return refused(state, problem);
  return done(entered(state, node, address));
}

/** `node` is a member at `address`. */
export function entered(state: State, node: string, address: string): State {
  const departed = state.departed.filter((one) => one !== node);
  return { ...state, departed, members: withKey(state.members, node, { address }) };
}

/** A node that was removed already is answered as removed: whoever asks again has lost the first answer. */
export function removeMember(state: State, { node }: RemoveMember): Step {
  if (lookup(state.members, node) === undefined) {
    if (state.departed.includes(node)) return done(state);
    const message = `There is no node ${node} in this cluster: \`snapcommit cluster members\` shows them.`;
    return refused(state, refusal('NODE_NOT_FOUND', message, { node }));
  }
  const problem = lastMember(state, node) ?? hasVolumes(state, node);
  if (problem !== null) return refused(state, problem);
  const departed = [...state.departed, node].slice(-DEPARTED_KEPT);
  return done({ ...state, departed, members: withoutKey(state.members, node) });
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

function hasVolumes(state: State, node: string): Refusal | null {
  const volumes = volumesOf(state, node, false);
  if (volumes.length === 0) return null;
  const message = `Node ${node} has volume ${volumes.join(', ')}: remove it first, or forfeit it if it is lost with the node.`;
  return refusal('IN_USE', message, { node, volumes });
}

/** Sorted by name. A forfeited volume is nothing that its node has, and yet its generations name that node. */
function volumesOf(state: State, node: string, alsoForfeited: boolean): readonly string[] {
  return Object.values(state.volumes)
    .filter(({ record, forfeited }) => record.node === node && (alsoForfeited || !forfeited))
    .map(({ record }) => record.name)
    .sort(compareText);
}
