/**
 * Going over to other members: one stop-sign at a time ends a configuration (after OmniPaxos, EuroSys '23). PURE.
 *
 * It is proposed only when a majority of the new voters holds the log (T14), and they have to be members before. Until
 * then nothing else is proposed, so that they can come level. All of the old configuration's decisions come before it, so
 * two configurations never decide one slot (P6). It is a compare-and-set: of the changes that were worked out from one
 * configuration at most one is ever chosen, since each would be the stop-sign that ends it.
 */
import type { NodeId } from './ballot.js';
import { teach } from './catch-up.js';
import { isMember, isVoter, type Configuration } from './configuration.js';
import { entryAt, lastSlot, slot } from './contiguous-log.js';
import type { Input, ReconfigurationRefusal } from './effects.js';
import { appendEntries, replicate } from './leader.js';
import { heldByMajority, isStop } from './learner.js';
import { campaign } from './phase-one.js';
import { becomeFollower } from './role.js';
import type { Leading, Replica } from './state.js';
import { change, send, type Turn } from './turn.js';

export type Reconfigure = Extract<Input, { readonly kind: 'reconfigure' }>;

export function reconfigure(turn: Turn, { id, base, voters, learners }: Reconfigure): void {
  const { role, configuration } = turn.state;
  const next: Configuration = { id: configuration.id + 1, voters, learners, after: slot(0) };
  const reason = refusal(turn.state, base, next);
  if (reason !== null || role.kind !== 'leading') {
    turn.after.push({ kind: 'reconfigureRefused', id, reason: reason ?? 'notLeading' });
    return;
  }
  change(turn, { role: { ...role, stopping: { id, next, rounds: 0 } } });
  stopWhenHeld(turn);
}

function refusal(state: Replica, base: number, next: Configuration): ReconfigurationRefusal | null {
  const { role, configuration, log, decided, limits } = state;
  if (role.kind !== 'leading') return 'notLeading';
  if (base !== configuration.id) return 'stale';
  const newest = entryAt(log, lastSlot(log));
  const isStopping = role.stopping !== null || (newest !== undefined && isStop(newest, configuration));
  if (isStopping || decided < role.adopted.last) return 'busy';
  if (!isValid(configuration, next)) return 'invalid';
  return heldByMajority(role, next) + limits.inFlightEntries < lastSlot(log) ? 'behind' : null;
}

function isValid(configuration: Configuration, next: Configuration): boolean {
  const all = [...next.voters, ...next.learners];
  if (next.voters.length === 0 || new Set(all).size !== all.length) return false;
  if (!next.voters.every((voter) => isMember(configuration, voter))) return false;
  return !(sameNodes(next.voters, configuration.voters) && sameNodes(next.learners, configuration.learners));
}

function sameNodes(a: readonly NodeId[], b: readonly NodeId[]): boolean {
  return a.length === b.length && a.every((node) => b.includes(node));
}

/** Proposes the stop-sign that waits as soon as a majority of its voters holds all of our log. */
export function stopWhenHeld(turn: Turn): void {
  const { role, log } = turn.state;
  if (role.kind !== 'leading' || role.stopping === null) return;
  const last = lastSlot(log);
  if (heldByMajority(role, role.stopping.next) < last) return;
  const next: Configuration = { ...role.stopping.next, after: slot(last + 1) };
  const leading: Leading = { ...role, stopping: null };
  appendEntries(turn, leading, [{ ballot: role.ballot, bytes: new Uint8Array(0), next }]);
  turn.after.push({ kind: 'reconfiguring', configuration: next });
  replicate(turn);
}

/** Once a round: a stop-sign does not hold up everything else for ever. */
export function countStoppingRound(turn: Turn): void {
  const { role, limits } = turn.state;
  if (role.kind !== 'leading' || role.stopping === null) return;
  const { id } = role.stopping;
  const rounds = role.stopping.rounds + 1;
  const isOver = rounds > limits.stoppingRounds;
  change(turn, { role: { ...role, stopping: isOver ? null : { ...role.stopping, rounds } } });
  if (isOver) turn.after.push({ kind: 'reconfigureRefused', id, reason: 'behind' });
}

/** A stop-sign was decided in this turn. Who led goes on, and tells everybody of the old configuration. */
export function afterConfigured(turn: Turn): void {
  const { ended } = turn;
  if (ended === null) return;
  turn.ended = null;
  if (!ended.led) return;
  const { self, configuration, decided } = turn.state;
  for (const node of [...ended.configuration.voters, ...ended.configuration.learners])
    if (node !== self) teach(turn, node, slot(decided - 1));
  if (isVoter(configuration, self)) return campaign(turn, []);
  const [heir] = configuration.voters;
  if (heir !== undefined) send(turn, heir, { type: 'handover' });
}

/** Hands over to the voter that holds most of our log. */
export function transfer(turn: Turn): void {
  const { role, self, configuration } = turn.state;
  if (role.kind !== 'leading') return;
  const others = configuration.voters.filter((voter) => voter !== self);
  const held = (voter: NodeId): number => role.members.get(voter)?.accepted ?? -1;
  const heir = others.reduce<NodeId | null>((a, b) => (a === null || held(b) > held(a) ? b : a), null);
  becomeFollower(turn);
  if (heir !== null) send(turn, heir, { type: 'handover' });
}
