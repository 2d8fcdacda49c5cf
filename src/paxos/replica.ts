/**
 * The replica: `step` takes one input to the next state and the effects that the host performs. PURE: no clock, no
 * randomness, no promise, no I/O.
 */
import { unreachable } from '../errors.js';
import { onAccept, onAcceptSync, onConfirm, onDecide, onPrepare } from './acceptor.js';
import { sameBallot, type NodeId } from './ballot.js';
import { announce, fetchFrom, onCompacted, onFetch, onLearn } from './catch-up.js';
import { install } from './checkpoint.js';
import { isMember } from './configuration.js';
import { dropThrough, slot } from './contiguous-log.js';
import type { Effect, Input } from './effects.js';
import { onHeartbeat, onHeartbeatReply, tick } from './election.js';
import { assertTransition } from './invariants.js';
import { onAccepted, onLatePromise, propose } from './leader.js';
import type { Message, PromiseBallot } from './messages.js';
import { campaign, gatherPromise, onNack, prepareMessage } from './phase-one.js';
import { onConfirmed, read } from './reads.js';
import { afterConfigured, reconfigure, stopWhenHeld, transfer } from './reconfiguration.js';
import { resend } from './resend.js';
import { diskStalls } from './role.js';
import type { Replica } from './state.js';
import { beginTurn, change, effectsOf, send, type Turn } from './turn.js';

export interface Step {
  readonly state: Replica;
  /** In the order in which the host performs them (see effects.ts). */
  readonly effects: readonly Effect[];
}

/** @throws InvariantError when a law of invariants.ts would be broken; the host stops then, performing nothing. */
export function step(before: Replica, input: Input): Step {
  const turn = beginTurn(before);
  handleInput(turn, input);
  for (;;) {
    const message = turn.inbox.shift();
    if (message !== undefined) handleMessage(turn, before.self, message);
    else if (turn.ended !== null) afterConfigured(turn);
    else break;
  }
  assertTransition(before, turn);
  return { state: turn.state, effects: effectsOf(turn, before) };
}

function handleInput(turn: Turn, input: Input): void {
  switch (input.kind) {
    case 'campaign':
      campaign(turn, input.entries);
      return;
    case 'propose':
      propose(turn, input.entries);
      return;
    case 'receive':
      receive(turn, input.from, input.configuration, input.message);
      return;
    case 'tick':
      tick(turn);
      return;
    case 'disk':
      diskStalls(turn, input.stalls);
      return;
    case 'resend':
      resend(turn);
      return;
    case 'read':
      read(turn, input.id);
      return;
    case 'reconfigure':
      reconfigure(turn, input);
      return;
    case 'transfer':
      transfer(turn);
      return;
    case 'compact':
      change(turn, { log: dropThrough(turn.state.log, slot(Math.min(input.through, turn.state.decided))) });
      return;
    case 'install':
      install(turn, input.slot, input.configuration);
      return;
    default:
      unreachable(input);
  }
}

/**
 * What is decided passes between configurations, and to and from those who are no members (any more, or yet); for the
 * rest, whoever is in an older configuration learns first.
 */
function receive(turn: Turn, from: NodeId, id: number, message: Message): void {
  const { configuration } = turn.state;
  const isCatchUp = message.type === 'fetch' || message.type === 'learn' || message.type === 'compacted';
  if (isCatchUp) handleMessage(turn, from, message);
  else if (id > configuration.id) fetchFrom(turn, from);
  else if (id < configuration.id) announce(turn, from);
  else if (isMember(configuration, from)) handleMessage(turn, from, message);
}

function handleMessage(turn: Turn, from: NodeId, message: Message): void {
  switch (message.type) {
    case 'prepare':
      onPrepare(turn, from, message);
      return;
    case 'promise':
      onPromise(turn, from, message);
      stopWhenHeld(turn);
      return;
    case 'acceptSync':
      onAcceptSync(turn, from, message);
      return;
    case 'accept':
      onAccept(turn, from, message);
      return;
    case 'accepted':
      onAccepted(turn, from, message);
      stopWhenHeld(turn);
      return;
    case 'decide':
      onDecide(turn, from, message);
      return;
    case 'nack':
      onNack(turn, from, message);
      return;
    case 'compacted':
      onCompacted(turn, from, message);
      return;
    case 'confirm':
      onConfirm(turn, from, message);
      return;
    case 'confirmed':
      onConfirmed(turn, from, message);
      return;
    case 'heartbeat':
      onHeartbeat(turn, from, message);
      return;
    case 'heartbeatReply':
      onHeartbeatReply(turn, from, message);
      return;
    case 'fetch':
      if (onFetch(turn, from, message)) askWhoLearned(turn, from);
      return;
    case 'learn':
      onLearn(turn, from, message);
      return;
    case 'handover':
      if (turn.state.role.kind === 'follower') campaign(turn, []);
      return;
    default:
      unreachable(message);
  }
}

function onPromise(turn: Turn, from: NodeId, message: PromiseBallot): void {
  const { role } = turn.state;
  if (role.kind === 'follower' || !sameBallot(role.ballot, message.ballot)) return;
  if (role.kind === 'preparing') gatherPromise(turn, role, from, message);
  else onLatePromise(turn, role, from, message);
}

/** A member that had to learn before it could be brought in line has learned it all. */
function askWhoLearned(turn: Turn, from: NodeId): void {
  const { role } = turn.state;
  if (role.kind === 'leading' && role.members.get(from)?.sent === null)
    send(turn, from, prepareMessage(turn, role.ballot));
}
