/** What a daemon does besides its replica: it answers its peers' calls, takes care of its volumes, and asks for its commands. */
import { recover } from '#src/coordinator/recover.js';
import { decodeAside } from '#src/daemon/aside.js';
import { Caretaker } from '#src/daemon/caretaker/caretaker.js';
import { DECIDES } from '#src/daemon/caretaker/decides.js';
import type { Surroundings } from '#src/daemon/caretaker/orphans.js';
import type { CallMetrics } from '#src/daemon/participants/call-metrics.js';
import type { Asker } from '#src/daemon/participants/asker.js';
import { PeerCalls } from '#src/daemon/participants/peer-calls.js';
import { Phases } from '#src/daemon/participants/phases.js';
import { RemoteParticipants } from '#src/daemon/participants/remote-participant.js';
import { participantHandler } from '#src/daemon/participants/service.js';
import { SnapcommitError } from '#src/errors.js';
import type { Context } from '#src/participant/context.js';
import { LocalParticipant } from '#src/participant/local-participant.js';
import { DaemonLost } from './local-log.js';
import type { DaemonParts, Machine } from './machine.js';
import type { SimProcess } from './sim-process.js';

const NO_METRICS: CallMetrics = {
  asked: () => undefined,
  failed: () => undefined,
  resent: () => undefined,
  begun: () => undefined,
};

export interface DaemonUser {
  readonly ports: Omit<Context, 'participant'>;
  readonly others: readonly string[];
  readonly send: (to: string, bytes: Uint8Array) => void;
  readonly surroundings: Surroundings;
  readonly say: (what: string) => void;
}

export function daemonParts({ ports, others, send, surroundings, say }: DaemonUser): DaemonParts {
  const { clock, timers, self } = ports;
  const calls = new PeerCalls({ self: self.node, clock, timers, metrics: NO_METRICS, send });
  const elsewhere = new RemoteParticipants(calls);
  const context: Context = {
    ...ports,
    participant: async (node) => (node === self.node ? participant : elsewhere.of(node)),
  };
  const participant: LocalParticipant = new LocalParticipant(context, async () => caretaker.ready());
  const log = (facts: object, message?: string): void => {
    say(`${message ?? ''} ${JSON.stringify(facts)}`);
  };
  const caretaker: Caretaker = new Caretaker({
    context,
    participant,
    settings: { takeOverAfterMs: 1000, stoppedGraceMs: 500 },
    surroundings,
    logger: { info: log, warn: log, error: log } as ConstructorParameters<typeof Caretaker>[0]['logger'],
  });
  calls.keep(others);
  calls.serve(
    participantHandler({
      participant,
      recover: (dryRun) => recover(context, dryRun),
      verify: async () => [],
      phases: new Phases(clock, () => null),
    }),
  );
  caretaker.start();
  return {
    asker: calls,
    receive: (from, bytes) => {
      calls.take(from, decodeAside(bytes));
    },
    connected: (peer) => {
      calls.connected(peer);
    },
    disconnected: (peer) => {
      calls.disconnected(peer);
    },
    applied: (state, { entry }) => {
      const type = entry?.operation.type;
      caretaker.applied(state, type !== undefined && DECIDES.has(type));
    },
  };
}

const PAUSE_MS = 50;
/** A command waits so long for its daemon to come back. */
const DAEMON_AWAY_MS = 2000;

/** How a command calls other nodes: through its own machine's daemon, and again through the next one. */
export function askerThrough(machine: Machine, process: SimProcess): Asker {
  return {
    ask: async (node, name, call) => {
      for (let awayMs = 0; ; awayMs += PAUSE_MS) {
        try {
          return await machine.askDaemon(process, `${node}.${call.type}`, Number.POSITIVE_INFINITY, ({ parts }) =>
            parts.asker.ask(node, name, call),
          );
        } catch (error) {
          if (!(error instanceof DaemonLost)) throw error;
          if (awayMs >= DAEMON_AWAY_MS) throw new SnapcommitError('UNAVAILABLE', error.message);
        }
        await process.sleep(PAUSE_MS);
      }
    },
  };
}
