/** What is chosen, and what follows from it. PURE. */
import { NO_BALLOT, type NodeId } from './ballot.js';
import { isMember, quorumSize, type Configuration } from './configuration.js';
import { entriesAfter, entryAt, lastSlot, slot, type LogEntry, type Slot } from './contiguous-log.js';
import { becomeFollower } from './role.js';
import type { Leading, Replica } from './state.js';
import { change, writeAfter, type Turn } from './turn.js';

/**
 * The highest slot that a majority of voters holds under the leader's own ballot. Acceptances under earlier ballots do
 * not count, however many replicas hold the entry (P5): `accepted` is what a voter said under this one.
 *
 * A stop-sign needs a majority of its own voters besides (I12): as soon as it is decided, the old replicas may go (T14).
 */
export function chosenThrough({ configuration, log }: Replica, leading: Leading): Slot {
  const reached = heldByMajority(leading, configuration);
  const next = entryAt(log, reached)?.next ?? null;
  if (next === null || next.id <= configuration.id || heldByMajority(leading, next) >= reached) return reached;
  return slot(reached - 1);
}

/** The highest slot that a majority of `configuration`'s voters holds under the leader's ballot. */
export function heldByMajority(leading: Leading, configuration: Configuration): Slot {
  const held = configuration.voters.map((voter) => heldBy(leading, voter));
  held.sort((a, b) => b - a);
  return slot(held[quorumSize(configuration) - 1] ?? 0);
}

/** What a voter accepted counts by its newest promise, which says whether it forgot (D8): without one, for nothing. */
function heldBy(leading: Leading, voter: NodeId): number {
  const { promise, accepted } = leading.members.get(voter) ?? { promise: null, accepted: null };
  return promise === null || promise.standing === 'forgetful' ? 0 : (accepted ?? 0);
}

/** Whether this entry ends `configuration`. */
export function isStop(entry: LogEntry, configuration: Configuration): boolean {
  return entry.next !== null && entry.next.id > configuration.id;
}

/** Raises the decided slot (never lowers it, never past the log) and says what is newly chosen. */
export function decideThrough(turn: Turn, through: Slot): void {
  const { decided, log, role } = turn.state;
  const reached = through < lastSlot(log) ? through : lastSlot(log);
  if (reached <= decided) return;
  const entries = entriesAfter(log, decided, reached);
  change(turn, { decided: reached });
  if (role.kind === 'leading')
    change(turn, { role: { ...role, inFlightBytes: role.inFlightBytes - bytesOf(entries) } });
  turn.after.push({ kind: 'chosen', first: slot(decided + 1), entries });
  for (const { next } of entries)
    if (next !== null && next.id > turn.state.configuration.id) enterConfiguration(turn, next);
  afterDeciding(turn);
}

/** What a higher decided slot can end: the want of a checkpoint, an abstention, the wait of a removed member. */
export function afterDeciding(turn: Turn): void {
  const { decided, behind, abstains, leaving, configuration } = turn.state;
  if (behind !== null && decided >= behind) change(turn, { behind: null });
  if (abstains?.kind === 'damaged' && decided >= abstains.through) heal(turn);
  if (!leaving || decided <= configuration.after) return;
  change(turn, { leaving: false });
  turn.after.push({ kind: 'retired', configuration: configuration.id });
}

export function heal(turn: Turn): void {
  change(turn, { abstains: null });
  turn.after.push({ kind: 'healed' });
}

/**
 * The stop-sign is decided: what we accepted under ballots of the old configuration says nothing in the new one, and
 * what our log still holds behind the decided entries was never chosen. The promise stays: ballots only rise (I1).
 */
export function enterConfiguration(turn: Turn, next: Configuration): void {
  const { configuration, self, decided, log, role, abstains } = turn.state;
  turn.ended ??= { configuration, led: role.kind === 'leading' };
  becomeFollower(turn);
  if (lastSlot(log) > decided) writeAfter(turn, decided, []);
  const leaving = isMember(configuration, self) && !isMember(next, self);
  const { election } = turn.state;
  change(turn, {
    configuration: next,
    accepted: NO_BALLOT,
    leaving,
    election: { ...election, round: 0, leader: NO_BALLOT, happy: false, replies: new Map() },
  });
  turn.after.push({ kind: 'configured', configuration: next });
  // Nothing that we forgot or lost was said in a configuration that begins only now.
  if (abstains !== null && (abstains.kind === 'damaged' || next.id > abstains.configuration)) heal(turn);
}

export function bytesOf(entries: readonly LogEntry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entry.bytes.length;
  return bytes;
}
