/** A member's caretaker, put together: what it works with, whom it can reach, and how it hears that the log went on. */
import type { Logger } from 'pino';
import type { Context, Progress } from '../../participant/context.js';
import { LocalParticipant } from '../../participant/local-participant.js';
import { contextOver } from '../compose.js';
import type { Member } from '../member.js';
import type { MemberSettings } from '../settings.js';
import { Caretaker } from './caretaker.js';
import { DECIDES } from './decides.js';

export interface Care {
  readonly context: Context;
  readonly participant: LocalParticipant;
  start(): void;
  /** As Caretaker.ready. */
  ready(): Promise<void>;
  /** Lets go of all writers and locks; resolves when nothing is under way. */
  end(): Promise<void>;
}

export interface CareOptions {
  readonly member: Member;
  readonly stateDirectory: string;
  readonly settings: MemberSettings;
  readonly logger: Logger;
}

export function careFor({ member, stateDirectory, settings, logger }: CareOptions): Care {
  const { log, calls } = member;
  let caretaker: Caretaker | null = null;
  const report = (progress: Progress): void => {
    if (progress.kind === 'warning') logger.warn(progress.message);
    else logger.debug(progress, 'at work');
  };
  let participant: LocalParticipant | null = null;
  const play = (self: Context): LocalParticipant =>
    (participant ??= new LocalParticipant(self, async () => caretaker?.ready()));
  const context = contextOver(log, { stateDirectory, settings, report }, calls, play);
  const own = play(context);
  const care = new Caretaker({
    context,
    participant: own,
    settings: { takeOverAfterMs: settings.takeOverAfterMs, stoppedGraceMs: context.settings.takeOverGraceMs },
    surroundings: {
      unreachableForMs: (node) => member.unreachableForMs(node),
      isLeader: () => log.hasCore && log.replicaStatus().role === 'leader',
    },
    logger,
  });
  caretaker = care;
  member.watch((entry, state) => {
    care.applied(state, entry !== null && DECIDES.has(entry.operation.type));
  });
  return {
    context,
    participant: own,
    start: () => {
      care.start();
    },
    ready: async () => care.ready(),
    async end() {
      // The writers first: what the caretaker is at may take its time.
      await Promise.all([own.endAll(), care.end()]);
    },
  };
}
