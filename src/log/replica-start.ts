/** From what the store holds to a replica and its state: the recovery walk of a daemon's log, on one screen. Reads only. */
import { assertInvariant, InvariantError, SnapcommitError } from '../errors.js';
import { emptyState, type State } from '../machine/state.js';
import { nodeId } from '../paxos/ballot.js';
import { logFrom, slot, type Slot } from '../paxos/contiguous-log.js';
import type { Abstention, Write } from '../paxos/effects.js';
import type { Limits } from '../paxos/limits.js';
import { step } from '../paxos/replica.js';
import { restore, type Replica } from '../paxos/state.js';
import type { CheckedCheckpoint, Loaded, StoreBatch } from '../ports/replica-store.js';
import { decodeState } from './codec.js';
import { StateMachine, type AppliedSlot } from './state-machine.js';

export interface Started {
  readonly replica: Replica;
  readonly machine: StateMachine;
  readonly checkpointSlot: Slot;
}

/**
 * @throws LOG_CORRUPT when the checkpoint is damaged (a peer's has to take its place first) or is not what it must be, or
 * a row that was chosen is no entry.
 */
export function startReplica(
  loaded: Loaded,
  file: string,
  limits: Limits,
  onApplied: (applied: AppliedSlot, state: State) => void = () => undefined,
): Started {
  const { head, identity, entries } = loaded;
  const base = head.checkpoint;
  const machine = new StateMachine(startingState(loaded, file), file);
  const whole = slot(base + entries.length);
  const decided = head.decided < whole ? head.decided : whole;
  for (const applied of machine.apply(slot(base + 1), entries.slice(0, decided - base))) {
    onApplied(applied, machine.state);
    // What the archive already holds is not written again.
    if (applied.slot <= head.applied) machine.takeArchive();
  }
  machine.archived(head.applied);
  const { promised, accepted } = head;
  const durable = { promised, accepted, decided, log: logFrom(base, entries), abstains: abstention(loaded) };
  const replica = restore(nodeId(identity.node), identity.configuration, durable, limits);
  return { replica, machine, checkpointSlot: base };
}

/** Rows that cannot be read may have held what this replica accepted: it never denies that (D10). */
function abstention({ head, damaged }: Loaded): Abstention | null {
  if (damaged.length === 0 || head.abstains !== null) return head.abstains;
  return { kind: 'damaged', ballot: head.accepted, through: head.last };
}

function startingState({ checkpoint, identity, head }: Loaded, file: string): State {
  if (checkpoint.kind === 'none') return emptyState(identity.incarnation);
  if (checkpoint.kind === 'damaged') throw unreadable(file, checkpoint.slot, 'its checksum is wrong');
  const state = readState(checkpoint.bytes, checkpoint.slot, file);
  assertInvariant(
    state.applied === head.checkpoint,
    'I9',
    `the checkpoint of slot ${String(head.checkpoint)} holds slot ${String(state.applied)}`,
  );
  return state;
}

/** @throws LOG_CORRUPT */
export function readState(bytes: Uint8Array, at: Slot, file: string): State {
  try {
    return decodeState(bytes);
  } catch (cause) {
    if (cause instanceof InvariantError) throw cause;
    throw unreadable(file, at, cause instanceof Error ? cause.message : 'it cannot be decoded', cause);
  }
}

function unreadable(file: string, at: Slot, what: string, cause?: unknown): SnapcommitError {
  return new SnapcommitError(
    'LOG_CORRUPT',
    `the log is damaged: the checkpoint of slot ${String(at)} in ${file} cannot be read: ${what}. A peer's checkpoint has to take its place`,
    { file, slot: at, what },
    cause,
  );
}

/** The write by which a replica knows, durably, that it forgot what it promised up to this configuration (D8, D9). */
export function forgetfulWrite({ head, identity }: Loaded, through: number): Write {
  const { promised, accepted, decided, last } = head;
  return {
    promised,
    accepted,
    decided,
    configuration: identity.configuration,
    abstains: { kind: 'forgetful', configuration: through },
    first: slot(last + 1),
    entries: [],
    install: null,
    sync: true,
  };
}

/**
 * The batch by which a peer's checkpoint takes the place of ours, which cannot be read: what we accepted after it stays,
 * as the core judges it.
 */
export function rescueBatch(
  loaded: Loaded,
  { slot: at, configuration }: CheckedCheckpoint,
  limits: Limits,
): StoreBatch {
  const { head, identity, entries } = loaded;
  if (at <= head.decided) return { adopt: at };
  const { promised, accepted, decided } = head;
  const whole = slot(head.checkpoint + entries.length);
  const durable = {
    promised,
    accepted,
    decided: decided < whole ? decided : whole,
    log: logFrom(head.checkpoint, entries),
    abstains: abstention(loaded),
  };
  const replica = restore(nodeId(identity.node), identity.configuration, durable, limits);
  const { effects } = step(replica, { kind: 'install', slot: at, configuration });
  const writes = effects.flatMap((effect) => (effect.kind === 'persist' ? [effect.write] : []));
  return { writes, applied: at };
}
