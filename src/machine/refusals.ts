/** The refusals that several reducers share: something is not there, or is over. PURE. */
import { generationKey } from './keys.js';
import { nameProblem } from './names.js';
import type { Decision } from './state.js';
import { refusal, type Refusal } from './step.js';

export function groupNotFound(group: string): Refusal {
  const message = `There is no group ${group}. See \`snapcommit group list\`, or make it with \`snapcommit group create\`.`;
  return refusal('GROUP_NOT_FOUND', message, { group });
}

export function volumeNotFound(volume: string): Refusal {
  const message = `There is no volume ${volume}. See \`snapcommit volume list\`, or add it with \`snapcommit volume add\`.`;
  return refusal('VOLUME_NOT_FOUND', message, { volume });
}

export function nodeNotFound(node: string): Refusal {
  const message = `There is no node ${node} in this cluster: \`snapcommit cluster members\` shows them.`;
  return refusal('NODE_NOT_FOUND', message, { node });
}

export function generationNotFound(group: string, generation: number): Refusal {
  const message = `There is no generation ${generationKey(group, generation)}: it was never committed, or it was pruned. See \`snapcommit list ${group}\`.`;
  return refusal('GENERATION_NOT_FOUND', message, { group, generation });
}

export function transactionNotFound(transaction: string): Refusal {
  const message = `There is no transaction ${transaction}: it never began, or it was decided long ago. See \`snapcommit transaction list\`.`;
  return refusal('TRANSACTION_NOT_FOUND', message, { transaction });
}

export function badName(what: string, name: string): Refusal {
  return refusal('NAME_INVALID', nameProblem(what, name), { kind: what, name });
}

/** What a request or a commit is told whose transaction was aborted. */
export function abortedAlready(
  transaction: string,
  decision: Extract<Decision, { readonly kind: 'aborted' }>,
): Refusal {
  const { code, reason } = decision;
  const message = `Transaction ${transaction} was aborted (${code}): ${reason}`;
  return refusal('ABORTED', message, { transaction, decision: 'aborted', code, reason });
}
