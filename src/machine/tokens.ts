/**
 * Join tokens: who may become a node of this cluster. PURE. The log holds a token's hash, never the token; it is used
 * once, and which use was first is decided by the order of the slots. Its time ends by the clock of whoever appends the
 * use, since the machine has no clock of its own.
 *
 * A token that is refused is refused in one of these words, here and wherever it is looked at before it is used:
 * TOKEN_UNKNOWN (never made here, or forgotten since it expired), TOKEN_USED, TOKEN_EXPIRED, DENIED (made for another
 * node). A node whose answer was lost says the same again, with the same key, and is let in as before: its use is one.
 */
import type { AddToken, UseToken } from './entry.js';
import { addressProblem, entered, nodeNameTaken } from './nodes.js';
import { badName } from './refusals.js';
import { isName } from './names.js';
import { lookup, mapRecord, withKey } from './record.js';
import type { State, TokenState } from './state.js';
import { done, refusal, refused, type Refusal, type Step, type StepContext } from './step.js';

/** At most this many tokens that have not expired. */
export const TOKENS_KEPT = 64;
/** Expired tokens leave the state when another is added, and at slots that this divides. */
const SWEEP_SLOTS = 256;

const SHA256_HEX = /^[0-9a-f]{64}$/;

export function addToken(state: State, { hash, expires, node }: AddToken, { at }: StepContext): Step {
  const problem = tokenProblem(hash, expires, node, at);
  if (problem !== null) return refused(state, problem);
  const tokens = unexpired(state.tokens, at);
  if (lookup(tokens, hash) !== undefined) {
    return refused(state, refusal('EXISTS', 'There is such a join token already: make another one.'));
  }
  if (Object.keys(tokens).length >= TOKENS_KEPT) {
    const message = `There are ${String(TOKENS_KEPT)} join tokens that have not expired: wait until one has.`;
    return refused(state, refusal('BUSY', message, { tokens: TOKENS_KEPT }));
  }
  return done({ ...state, tokens: withKey(tokens, hash, { expires, node, usedBy: null, usedKey: null }) });
}

/** The token is used up and the node a member, in one step: two that join under one name cannot both succeed. */
export function useToken(state: State, operation: UseToken, { at }: StepContext): Step {
  const { hash, node, key, address } = operation;
  const problem = useRefusal(state, operation, at);
  if (problem !== null) return refused(state, problem);
  const { expires = 0, node: wanted = null } = lookup(state.tokens, hash) ?? {};
  const tokens = withKey(state.tokens, hash, { expires, node: wanted, usedBy: node, usedKey: key });
  return done({ ...entered(state, node, address), tokens });
}

/** Why this use would be refused at this time; null: it would not. Whoever asks before appending hears the same. */
export function useRefusal(state: State, operation: UseToken, at: number): Refusal | null {
  const { hash, node, address } = operation;
  if (!isName(node)) return badName('node', node);
  const token = lookup(state.tokens, hash);
  const problem = tokenRefusal(state, token, operation, at) ?? addressProblem(address);
  if (problem !== null || token?.usedBy === node) return problem;
  // Whoever made the token for this very name has said that this node may have it.
  return token?.node === node ? null : nodeNameTaken(state, node);
}

/** Changes no answer but the reason of a refusal: an expired token is of no use to anybody. */
export function sweepTokens(state: State, { slot, at }: StepContext): State {
  if (slot % SWEEP_SLOTS !== 0 || Object.keys(state.tokens).length === 0) return state;
  return { ...state, tokens: unexpired(state.tokens, at) };
}

function unexpired(tokens: State['tokens'], at: number): State['tokens'] {
  return mapRecord(tokens, (token) => (token.expires > at ? token : undefined));
}

function tokenProblem(hash: string, expires: number, node: string | null, at: number): Refusal | null {
  if (!SHA256_HEX.test(hash)) {
    return refusal('USAGE', 'A join token is entered by its SHA-256, in 64 hexadecimal digits.');
  }
  if (node !== null && !isName(node)) return badName('node', node);
  if (expires > at) return null;
  return refusal('USAGE', 'This join token would have expired already: give it a time to come.', { expires, at });
}

function tokenRefusal(state: State, token: TokenState | undefined, use: UseToken, at: number): Refusal | null {
  const { node } = use;
  const again = 'Make another one with `snapcommit cluster token` on a member.';
  if (token === undefined) return refusal('TOKEN_UNKNOWN', `This cluster knows no such join token. ${again}`, { node });
  if (token.usedBy !== null && !isRepeat(state, token, use)) {
    const message = `This join token was used already, by node ${token.usedBy}: each is good for one node. ${again}`;
    return refusal('TOKEN_USED', message, { node, usedBy: token.usedBy });
  }
  if (token.expires <= at) return refusal('TOKEN_EXPIRED', `This join token has expired. ${again}`, { node });
  if (token.node === null || token.node === node) return null;
  const message = `This join token is for node ${token.node}, not for ${node}. ${again}`;
  return refusal('DENIED', message, { node, wanted: token.node });
}

/** The same node with the same key, and it has not been removed since. */
function isRepeat({ members }: State, { usedBy, usedKey }: TokenState, { node, key }: UseToken): boolean {
  return usedBy === node && key !== null && usedKey === key && lookup(members, node) !== undefined;
}
