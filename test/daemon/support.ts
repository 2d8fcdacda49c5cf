/** What the daemon's tests share: a log behind the local API, and one that answers as a test says. */
import { mkdirSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Test } from 'tap';
import { systemClock } from '#src/adapters/clock-system.js';
import type { announceAddress } from '#src/daemon/announce-address.js';
import type { ClusterAdmin } from '#src/daemon/cluster/admin.js';
import { openRemoteLog, type RemoteLog, type RemoteLogOptions } from '#src/daemon/local-api/remote-log.js';
import { serveLocally, type LocalServer } from '#src/daemon/local-api/server.js';
import type { LocalService, ServedLog, StaleReads } from '#src/daemon/local-api/service.js';
import { emptyState } from '#src/machine/state.js';
import { identity } from '../log/support.js';
import { temporaryDirectory } from '../support/temp.js';

export interface Served {
  readonly stateDirectory: string;
  readonly server: LocalServer;
  /** Why connections were cut off. */
  readonly refused: string[];
}

/** Serves `log` in a state directory of its own until the test ends. */
export async function serve(
  t: Test,
  log: ServedLog,
  stateDirectory?: string,
  others: Partial<LocalService> = {},
): Promise<Served> {
  const directory = stateDirectory ?? stateDirectoryOf(t);
  const refused: string[] = [];
  const onRefused = (reason: string): void => {
    refused.push(reason);
  };
  const service = {
    log,
    stale: noStale,
    admin: noAdmin,
    calls: { ask: refuse },
    phases: { tell: () => undefined },
    ...others,
  };
  const server = await serveLocally({ stateDirectory: directory, service, onRefused });
  t.teardown(async () => server.close());
  return { stateDirectory: directory, server, refused };
}

export function stateDirectoryOf(t: Test): string {
  const directory = join(temporaryDirectory(t, 'daemon'), 'state');
  mkdirSync(directory, { mode: 0o700 });
  return directory;
}

/** A way to that directory's socket that a test can cut: for the other side, the daemon dies and is there again. */
export async function cuttable(
  t: Test,
  stateDirectory: string,
): Promise<{ readonly stateDirectory: string; cut(): void }> {
  const directory = stateDirectoryOf(t);
  const open = new Set<Socket>();
  const proxy = createServer((near) => {
    const far = connect(join(stateDirectory, 'daemon.sock'));
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from);
      from.on('error', () => undefined);
      from.on('close', () => to.destroy());
      from.pipe(to);
    }
  });
  const cut = (): void => {
    for (const socket of open) socket.destroy();
    open.clear();
  };
  await new Promise<void>((resolve) => {
    proxy.listen(join(directory, 'daemon.sock'), resolve);
  });
  t.teardown(() => {
    cut();
    proxy.close();
  });
  return { stateDirectory: directory, cut };
}

/** The log through the socket of that directory, closed with the test. */
export async function remote(
  t: Test,
  stateDirectory: string,
  options: Partial<RemoteLogOptions> = {},
): Promise<RemoteLog> {
  const log = await openRemoteLog({
    stateDirectory,
    identity,
    clock: systemClock,
    timeoutMs: 20_000,
    endsAtMs: null,
    ...options,
  });
  t.teardown(() => {
    log.close();
  });
  return log;
}

const refuse = async (): Promise<never> => Promise.reject(new Error('not asked for in this test'));

const noStale: StaleReads = {
  staleState() {
    throw new Error('not asked for in this test');
  },
  staleGeneration: refuse,
  staleGenerations: refuse,
};

export const noAdmin: ClusterAdmin = {
  status: refuse,
  issueToken: refuse,
  addVoter: refuse,
  removeMember: refuse,
  replaceMember: refuse,
  renewCertificate: refuse,
};

/** A log that refuses everything but what `answers` gives. */
export function logWith(answers: Partial<ServedLog>): ServedLog {
  return {
    identity,
    append: refuse,
    read: async () => Promise.resolve(emptyState(1)),
    generation: refuse,
    generations: refuse,
    status: refuse,
    checkpoint: refuse,
    scrub: refuse,
    close: () => undefined,
    ...answers,
  };
}

/** A daemon's notes; the reasons in them are told to `told`. */
export function notes(told: string[]): Parameters<typeof announceAddress>[2] {
  const note = ({ reason }: { readonly reason: string }): void => {
    told.push(reason);
  };
  return { info: note, error: note } as Parameters<typeof announceAddress>[2];
}
