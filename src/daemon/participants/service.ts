/** From a call to what this node's participant, its recovery and its memory answer to it. One case a call. */
import type { Recovery } from '../../coordinator/recovery.js';
import { unreachable } from '../../errors.js';
import type { Participant, RoundName, Work } from '../../ports/participant.js';
import type { CallHandler } from './call-receiver.js';
import type { Phases } from './phases.js';
import type { Call, Problem } from './protocol.js';
import { Turns } from './turns.js';

export interface ParticipantServices {
  readonly participant: Participant;
  readonly recover: (dryRun: boolean) => Promise<Recovery>;
  readonly verify: (group: string, generation: number | null) => Promise<readonly Problem[]>;
  readonly phases: Phases;
}

export function participantHandler(services: ParticipantServices): CallHandler {
  const turns = new Turns();
  return async (call) => answerTo(services, turns, call);
}

async function answerTo(services: ParticipantServices, turns: Turns, call: Call): Promise<unknown> {
  const { participant, recover, verify, phases } = services;
  const inTurn = async (work: Work | RoundName, act: () => Promise<void>): Promise<null> =>
    turns.inTurn(work, done(act));
  switch (call.type) {
    case 'survey':
      return participant.survey(call.request);
    case 'quiesce':
      return inTurn(call.work, async () => participant.quiesce(call.work));
    case 'prepare':
      return inTurn(call.round, async () => participant.prepare(call.round));
    case 'freeze':
      return inTurn(call.round, async () => participant.freeze(call.round));
    case 'stage':
      return inTurn(call.round, async () => participant.stage(call.round));
    case 'thaw':
      return turns.ending(call.round, async () => participant.thaw(call.round));
    case 'endRound':
      return turns.ending(
        call.round,
        done(async () => participant.endRound(call.round)),
      );
    case 'clone':
      return turns.inTurn(call.work, async () => participant.clone(call.work));
    case 'seal':
      return turns.inTurn(call.work, async () => participant.seal(call.work));
    case 'close':
      return inTurn(call.work, async () => participant.close(call.work));
    case 'reopen':
      return turns.inTurn(call.work, async () => participant.reopen(call.work));
    case 'leave':
      return turns.ending(
        call.work,
        done(async () => participant.leave(call.work)),
      );
    case 'resume':
      return turns.inTurn(call.work, async () => participant.resume(call.work, call.outcome));
    case 'discard':
      return inTurn(call.work, async () => participant.discard(call.work, call.voidThrough));
    case 'publish':
      return done(async () => participant.publish(call.group, call.generation))();
    case 'recover':
      return recover(call.dryRun);
    case 'verify':
      return verify(call.group, call.generation);
    case 'phases':
      return phases.all();
    default:
      return unreachable(call);
  }
}

/** An answer that says no more than that it is done. */
function done(act: () => Promise<void>): () => Promise<null> {
  return async () => {
    await act();
    return null;
  };
}
