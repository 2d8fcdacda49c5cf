/**
 * Exactly-once appends: an entry that comes twice, since its sender retried or the network repeated it, is carried out
 * once, and both are answered with the first one's slot and outcome (L3). PURE.
 *
 * A sender names its append by a `client` (a token of its own choice, new in each process) and a `sequence`, and says
 * `since` which slot it had heard of when it sent the append first; a retry carries the same three. Whatever was carried
 * out stands in a slot after its `since`. So as long as every answer that was ever forgotten stands at or before
 * `since`, an append that is not remembered was never carried out. Otherwise nobody can know, and it is refused
 * (APPEND_EXPIRED) with nothing done. Nothing else is needed for safety; how long answers are kept is only a matter of
 * how late a retry may come.
 *
 * Refusals are remembered like successes: who was told "busy" must not begin a transaction later, by a stray copy.
 */
import type { AppendKey, Entry, Outcome, Slot } from './entry.js';
import { bucketedEntries, filterBuckets, inBuckets, withBucketed } from './buckets.js';
import { isToken } from './names.js';
import type { AppendAnswer, AppendClient, Appends, State } from './state.js';
import { refusal } from './step.js';

/** A client is remembered for this many slots after its newest append. */
export const APPEND_KEPT_SLOTS = 10_000;
/** A client's newest answers are kept. It may have this many appends in flight beyond the oldest unanswered one. */
export const APPENDS_KEPT_PER_CLIENT = 16;
/** How many clients are remembered; beyond it, the one leaves whose newest append is the oldest. */
export const APPEND_CLIENTS_KEPT = 512;
/** Clients that have been silent for too long leave the state at slots that this divides. */
const SWEEP_SLOTS = 256;

export interface RepeatedAppend {
  readonly slot: Slot;
  readonly outcome: Outcome;
}

/** What to answer instead of carrying the entry out; null when it has to be carried out. */
export function answerAppend({ appends }: State, slot: Slot, { append }: Entry): RepeatedAppend | null {
  if (append === null) return null;
  if (!isWellFormed(append, slot)) {
    const message = `This append's sender is not one that the log can tell apart (${JSON.stringify(append.client)}): it must name itself by a token, count from 1, and know only of slots before this one.`;
    return { slot, outcome: refusal('USAGE', message, { slot }) };
  }
  const client = inBuckets(appends.clients, append.client);
  const first = client?.answers.find(({ sequence }) => sequence === append.sequence);
  if (first !== undefined) return { slot: first.slot, outcome: first.outcome };
  const forgotten = client?.forgotten ?? appends.forgotten;
  if (append.since >= forgotten) return null;
  const message = `This append was sent too long ago to know whether it was carried out before (after slot ${String(append.since)}; answers up to slot ${String(forgotten)} are forgotten). It was not carried out now: look at what stands, then run the command again.`;
  return { slot, outcome: refusal('APPEND_EXPIRED', message, { since: append.since, forgotten }) };
}

/** Remembers an append that was carried out, or refused, in this slot. */
export function rememberAppend(state: State, slot: Slot, { append }: Entry, outcome: Outcome): State {
  if (append === null) return state;
  const known = inBuckets(state.appends.clients, append.client);
  const appends = known === undefined ? withRoom(state.appends) : state.appends;
  const before: AppendClient = known ?? { forgotten: appends.forgotten, answers: [] };
  const client = withAnswer(before, { sequence: append.sequence, slot, outcome });
  return { ...state, appends: { ...appends, clients: withBucketed(appends.clients, append.client, client) } };
}

/** Drops clients that have been silent for too long. */
export function sweepAppends(state: State, slot: Slot): State {
  if (slot % SWEEP_SLOTS !== 0 || Object.keys(state.appends.clients).length === 0) return state;
  return { ...state, appends: dropUpTo(state.appends, slot - APPEND_KEPT_SLOTS) };
}

function isWellFormed({ client, sequence, since }: AppendKey, slot: Slot): boolean {
  return isToken(client) && Number.isSafeInteger(sequence) && sequence >= 1 && since < slot;
}

/** Answers stand in the order of their slots, so the first one is the oldest. */
function withAnswer({ forgotten, answers }: AppendClient, answer: AppendAnswer): AppendClient {
  const all = [...answers, answer];
  if (all.length <= APPENDS_KEPT_PER_CLIENT) return { forgotten, answers: all };
  const [dropped, ...kept] = all;
  return { forgotten: laterSlot(forgotten, dropped?.slot ?? forgotten), answers: kept };
}

function withRoom(appends: Appends): Appends {
  const clients = bucketedEntries(appends.clients);
  if (clients.length < APPEND_CLIENTS_KEPT) return appends;
  // Every append has a slot of its own, so exactly one leaves.
  return dropUpTo(appends, Math.min(...clients.map(([, client]) => newestSlot(client))));
}

/** Forgets each client whose newest append stands at or before `limit`. */
function dropUpTo(appends: Appends, limit: number): Appends {
  const dropped = bucketedEntries(appends.clients)
    .map(([, client]) => newestSlot(client))
    .filter((newest) => newest <= limit);
  if (dropped.length === 0) return appends;
  return {
    forgotten: dropped.reduce(laterSlot, appends.forgotten),
    clients: filterBuckets(appends.clients, (client) => newestSlot(client) > limit),
  };
}

function newestSlot({ answers, forgotten }: AppendClient): Slot {
  return answers.at(-1)?.slot ?? forgotten;
}

function laterSlot(a: Slot, b: Slot): Slot {
  return a > b ? a : b;
}
