/**
 * Client sessions: a request (`--request-id`) is carried out once, however often it is retried (L3). PURE.
 *
 * Sessions are part of the state, so a checkpoint carries them (T18). A refused entry leaves none: nothing was done, so
 * the same request may be tried again. Take-over, commit, abort and published are repeatable by themselves and never
 * judged here.
 */
import { assertInvariant } from '../errors.js';
import type { Entry, Operation, Outcome, Slot } from './entry.js';
import { isToken } from './names.js';
import { filterBuckets, inBuckets, withBucketed } from './buckets.js';
import { lookup } from './record.js';
import { abortedAlready } from './refusals.js';
import { SESSION_KEPT_SLOTS, SESSION_SWEEP_SLOTS } from './state.js';
import type { Decision, Session, State } from './state.js';
import { refusal } from './step.js';

type Sessions = State['sessions'];

/** What to answer instead of carrying the entry out; null when it has to be carried out. */
export function answerRepeat(state: State, slot: Slot, { request, operation }: Entry): Outcome | null {
  if (request === null || !isJudged(operation)) return null;
  if (!isToken(request.id)) {
    const message = `${JSON.stringify(request.id)} is no valid request id: use 1 to 128 printable ASCII characters without spaces.`;
    return refusal('USAGE', message, { request: request.id });
  }
  const session = inBuckets(state.sessions, request.id);
  if (session === undefined || isForgotten(state, session, slot)) return null;
  if (session.digest === request.digest) return firstAnswer(request.id, session);
  const message = `Request id ${request.id} was used at slot ${String(session.slot)} with other arguments: choose a new id, or repeat the first arguments.`;
  return refusal('REQUEST_CONFLICT', message, { request: request.id, transaction: session.transaction });
}

/** Remembers a request that was carried out. */
export function rememberRequest(state: State, slot: Slot, { request, operation }: Entry, outcome: Outcome): State {
  if (request === null || !outcome.ok || !isJudged(operation)) return state;
  const { digest } = request;
  const session: Session =
    operation.type === 'begin'
      ? { digest, slot, transaction: operation.transaction, decision: null, outcome: null }
      : { digest, slot, transaction: null, decision: null, outcome };
  return { ...state, sessions: withBucketed(state.sessions, request.id, session) };
}

/** Fills in the decision of the transaction that this request began; its time counts anew from here. */
export function decideSession(sessions: Sessions, request: string, decision: Decision, slot: Slot): Sessions {
  const session = inBuckets(sessions, request);
  return session === undefined ? sessions : withBucketed(sessions, request, { ...session, decision, slot });
}

/** Drops what is forgotten, now and then: until then it only counts as forgotten, so this changes no answer. */
export function sweepSessions(state: State, slot: Slot): State {
  if (slot % SESSION_SWEEP_SLOTS !== 0) return state;
  return { ...state, sessions: filterBuckets(state.sessions, (session) => !isForgotten(state, session, slot)) };
}

function isJudged({ type }: Operation): boolean {
  return type !== 'takeOver' && type !== 'commit' && type !== 'abort' && type !== 'published';
}

/** The session of an open transaction is never forgotten. */
function isForgotten(state: State, session: Session, slot: Slot): boolean {
  if (slot - session.slot <= SESSION_KEPT_SLOTS) return false;
  return session.transaction === null || lookup(state.open, session.transaction) === undefined;
}

function firstAnswer(request: string, { transaction, decision, outcome }: Session): Outcome {
  if (outcome !== null) return outcome;
  assertInvariant(transaction !== null, 'M5', `the session of request ${request} holds no answer`);
  if (decision === null) {
    const message = `Request ${request} is being carried out by transaction ${transaction}, which is open: wait until it ends, or run \`snapcommit recover\`.`;
    return refusal('BUSY', message, { request, transaction });
  }
  if (decision.kind === 'aborted') return abortedAlready(transaction, decision);
  return { ok: true, generation: decision.generation, transaction };
}
