/** A member's caretaker, put together: what it works with, whom it can reach, and how it hears that the log went on. */
import type { Logger } from 'pino';
import { systemClock } from '../../adapters/clock-system.js';
import type { Operation } from '../../machine/entry.js';
import type { Context } from '../../participant/context.js';
import { LocalParticipant } from '../../participant/local-participant.js';
import { DEFAULT_SETTINGS } from '../../participant/settings.js';
import { contextOver } from '../compose.js';
import type { Member } from '../member.js';
import type { MemberSettings } from '../settings.js';
import { Caretaker } from './caretaker.js';

export interface Care {
  readonly context: Context;
  readonly participant: LocalParticipant;
  readonly caretaker: Caretaker;
  /** Lets go of all writers and locks; resolves when nothing is under way. */
  end(): Promise<void>;
}

/** What ends something that this node may have a part in. */
const DECIDES: ReadonlySet<Operation['type']> = new Set([
  'commit',
  'abort',
  'takeOver',
  'published',
  'retire',
  'removeGroup',
  'forfeitVolume',
  'releasePin',
]);

export function careFor(
  member: Member,
  stateDirectory: string,
  settings: MemberSettings,
  logger: Logger,
): Care {
  const context: Context = {
    ...contextOver(member.log, { stateDirectory, report: (progress) => report(logger, progress) }, member.calls),
    participant: async (node) => (node === participant.node ? participant : others.participant(node)),
  };
  const others = contextOver(member.log, { stateDirectory }, member.calls);
  const participant = new LocalParticipant(context, async () => caretaker.ready());
  const caretaker = new Caretaker({
    context,
    participant,
    settings: { takeOverAfterMs: settings.takeOverAfterMs, stoppedGraceMs: DEFAULT_SETTINGS.takeOverGraceMs },
    surroundings: {
      unreachableForMs: (node) => member.unreachableForMs(node),
      isLeader: () => member.log.hasCore && member.log.replicaStatus().role === 'leader',
    },
    logger,
  });
  member.watch(({ entry }, state) => {
    const type = entry?.operation.type;
    caretaker.applied(state, type !== undefined && DECIDES.has(type));
  });
  return {
    context,
    participant,
    caretaker,
    async end() {
      await caretaker.end();
      await participant.endAll();
    },
  };
}
