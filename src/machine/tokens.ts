/**
 * Join tokens: who may become a node of this cluster. PURE. The log holds a token's hash, never the token; it is used
 * once, and which use was first is decided by the order of the slots. Its time ends by the clock of whoever appends the
 * use, since the machine has no clock of its own.
 */
import type { AddToken, UseToken } from './entry.js';
import { addressProblem, nodeNameTaken } from './nodes.js';
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
  return done({ ...state, tokens: withKey(tokens, hash, { expires, node, usedBy: null }) });
}

/** The token is used up and the node a member, in one step: two that join under one name cannot both succeed. */
export function useToken(state: State, operation: UseToken, { at }: StepContext): Step {
  const { hash, node, address } = operation;
  if (!isName(node)) return refused(state, badName('node', node));
  const token = lookup(state.tokens, hash);
  const problem = useProblem(token, operation, at) ?? addressProblem(address);
  if (problem !== null) return refused(state, problem);
  // Whoever made the token for this very name has said that this node may have it.
  const taken = token?.node === node ? null : nodeNameTaken(state, node);
  if (taken !== null) return refused(state, taken);
  const used = withKey(state.tokens, hash, { expires: token?.expires ?? 0, node: token?.node ?? null, usedBy: node });
  return done({
    ...state,
    tokens: used,
    members: withKey(state.members, node, { ...lookup(state.members, node), address }),
  });
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

function useProblem(token: TokenState | undefined, { node }: UseToken, at: number): Refusal | null {
  const again = 'Make another one with `snapcommit cluster token` on a member.';
  if (token === undefined) {
    return refusal('TOKEN_REFUSED', `This cluster knows no such join token. ${again}`, { node, reason: 'unknown' });
  }
  if (token.usedBy !== null) {
    const message = `This join token was used already, by node ${token.usedBy}: each is good for one node. ${again}`;
    return refusal('TOKEN_REFUSED', message, { node, reason: 'used', usedBy: token.usedBy });
  }
  if (token.expires <= at) {
    return refusal('TOKEN_REFUSED', `This join token has expired. ${again}`, { node, reason: 'expired' });
  }
  if (token.node === null || token.node === node) return null;
  const message = `This join token is for node ${token.node}, not for ${node}. ${again}`;
  return refusal('TOKEN_REFUSED', message, { node, reason: 'other node', wanted: token.node });
}
