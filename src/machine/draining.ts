/**
 * Draining: a node whose volumes and writers begin no transactions any more, so that in time nothing waits for it. PURE.
 * What is open goes on, and what is committed is published. Draining twice is draining once.
 */
import type { Begin, DrainNode, UndrainNode } from './entry.js';
import { parseCgroupTarget } from './freeze-targets.js';
import { nodeNotFound } from './refusals.js';
import { lookup, withKey } from './record.js';
import type { State } from './state.js';
import { done, refusal, refused, type Refusal, type Step } from './step.js';

export function drainNode(state: State, { node }: DrainNode): Step {
  const member = lookup(state.members, node);
  if (member === undefined) return refused(state, nodeNotFound(node));
  return done({ ...state, members: withKey(state.members, node, { ...member, draining: true }) });
}

export function undrainNode(state: State, { node }: UndrainNode): Step {
  const member = lookup(state.members, node);
  if (member === undefined) return refused(state, nodeNotFound(node));
  return done({ ...state, members: withKey(state.members, node, { address: member.address }) });
}

export function isDraining(state: State, node: string): boolean {
  return lookup(state.members, node)?.draining === true;
}

/** BUSY where a transaction would need a node that is draining. */
export function drainProblem(state: State, { group, members, freezeTargets }: Begin): Refusal | null {
  const member = members.find(({ node }) => isDraining(state, node));
  if (member !== undefined) return drained(group, member.node, `volume ${member.volume}`, { volume: member.volume });
  for (const target of freezeTargets) {
    const node = parseCgroupTarget(target)?.node ?? '';
    if (isDraining(state, node)) return drained(group, node, `freeze target ${target}`, { freezeTarget: target });
  }
  return null;
}

/** BUSY: nothing new comes to a node that is to go. */
export function arrivalProblem(state: State, node: string, volume: string): Refusal | null {
  if (!isDraining(state, node)) return null;
  const message = `Node ${node} is draining and takes no volume: choose another node for ${volume}, or run \`snapcommit cluster undrain ${node}\`.`;
  return refusal('BUSY', message, { node, volume, draining: true });
}

function drained(group: string, node: string, what: string, details: Refusal['details']): Refusal {
  const message = `Node ${node} is draining, so ${what} of group ${group} there begins no transaction: take it out of the group, or let the node go on with \`snapcommit cluster undrain ${node}\`.`;
  return refusal('BUSY', message, { group, node, draining: true, ...details });
}
