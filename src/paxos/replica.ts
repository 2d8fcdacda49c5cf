/**
 * The replica: `step` takes one input to the next state and the effects that the host performs. PURE: no clock, no
 * randomness, no promise, no I/O.
 */
import { unreachable } from '../errors.js';
import { onAccept, onAcceptSync, onDecide, onPrepare } from './acceptor.js';
import type { NodeId } from './ballot.js';
import { isVoter } from './configuration.js';
import { dropThrough } from './contiguous-log.js';
import type { Effect, Input } from './effects.js';
import { assertTransition } from './invariants.js';
import type { Compacted, Message } from './messages.js';
import { becomeFollower, campaign, onAccepted, onNack, onPromise, propose, resend } from './proposer.js';
import type { Replica } from './state.js';
import { beginTurn, change, effectsOf, type Turn } from './turn.js';

export interface Step {
  readonly state: Replica;
  /** In the order in which the host performs them (see effects.ts). */
  readonly effects: readonly Effect[];
}

/** @throws InvariantError when a law of invariants.ts would be broken; the host stops then, performing nothing. */
export function step(before: Replica, input: Input): Step {
  const turn = beginTurn(before);
  handleInput(turn, input);
  for (let message = turn.inbox.shift(); message !== undefined; message = turn.inbox.shift()) {
    handleMessage(turn, before.self, message);
  }
  assertTransition(before, turn.state);
  return { state: turn.state, effects: effectsOf(turn, before) };
}

function handleInput(turn: Turn, input: Input): void {
  const { configuration, log, decided } = turn.state;
  switch (input.kind) {
    case 'campaign':
      campaign(turn, input.entries);
      return;
    case 'propose':
      propose(turn, input.entries);
      return;
    case 'receive':
      if (input.configuration === configuration.id && isVoter(configuration, input.from))
        handleMessage(turn, input.from, input.message);
      return;
    case 'tick':
    case 'read':
    case 'reconfigure':
    case 'transfer':
    case 'install':
      return;
    case 'resend':
      resend(turn);
      return;
    case 'compact':
      change(turn, { log: dropThrough(log, input.through < decided ? input.through : decided) });
      return;
    default:
      unreachable(input);
  }
}

function handleMessage(turn: Turn, from: NodeId, message: Message): void {
  switch (message.type) {
    case 'prepare':
      onPrepare(turn, from, message);
      return;
    case 'promise':
      onPromise(turn, from, message);
      return;
    case 'acceptSync':
      onAcceptSync(turn, from, message);
      return;
    case 'accept':
      onAccept(turn, from, message);
      return;
    case 'accepted':
      onAccepted(turn, from, message);
      return;
    case 'decide':
      onDecide(turn, message);
      return;
    case 'nack':
      onNack(turn, message);
      return;
    case 'compacted':
      onCompacted(turn, from, message);
      return;
    case 'confirm':
    case 'confirmed':
    case 'heartbeat':
    case 'heartbeatReply':
    case 'fetch':
    case 'learn':
    case 'handover':
      return;
    default:
      unreachable(message);
  }
}

/** We lag behind what `from` still has in its log: proposing has to wait until a checkpoint is installed. */
function onCompacted(turn: Turn, from: NodeId, message: Compacted): void {
  if (message.base <= turn.state.decided) return;
  if (turn.state.role.kind === 'preparing') becomeFollower(turn);
  turn.after.push({ kind: 'checkpointNeeded', from, base: message.base });
}
