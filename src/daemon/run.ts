/**
 * `snapcommit daemon`: one member of a cluster, from the lock to the last answer. On one screen: take the lock, open the
 * member, serve the commands of this machine, catch up with publishing, tell the service manager, wait, and stop in the
 * opposite order.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { pino, type Logger } from 'pino';
import { systemClock } from '../adapters/clock-system.js';
import { systemTimers } from '../adapters/timers-system.js';
import { recover } from '../coordinator/recover.js';
import type { Participant } from '../ports/participant.js';
import { announceAddress } from './announce-address.js';
import { careFor } from './caretaker/index.js';
import { addressOf } from './cluster/address.js';
import { isEmbedded } from './cluster/client.js';
import { takeDaemonLock } from './daemon-lock.js';
import { serveLocally, type LocalServer } from './local-api/server.js';
import { LocalNode } from './local-node.js';
import { logLines } from './log-lines.js';
import { openMember, type Member } from './member.js';
import { serveMetrics, type MetricsServer } from './metrics-server.js';
import { logIdentity, readStoreIdentity } from './open-log.js';
import { Phases } from './participants/phases.js';
import { participantHandler } from './participants/service.js';
import { Readiness } from './readiness.js';
import { serviceManager } from './service-manager.js';
import { DEFAULT_MEMBER_SETTINGS, type MemberSettings } from './settings.js';
import { assertOurs } from './state-directory.js';

export interface DaemonOptions {
  readonly stateDirectory: string;
  readonly settings?: Partial<MemberSettings>;
  /** Logs more. */
  readonly verbose: boolean;
  /** Plays this node's part in transactions; null: as compose.ts does. */
  readonly participant?: Participant | null;
  /** Aborted when the daemon shall stop. */
  readonly signal: AbortSignal;
}

export interface DaemonReport {
  readonly node: string;
  /** Why it stopped. */
  readonly stopped: string;
}

const STDERR = 2;
/** How long another voter may take to lead before we leave all the same. */
const HAND_OVER_MS = 2000;
const RENEWAL_CHECK_MS = 3_600_000;

/** Resolves when it has stopped as it was told to. @throws BUSY when another daemon runs; UNAVAILABLE for an embedded log. */
export async function runDaemon(options: DaemonOptions): Promise<DaemonReport> {
  const { stateDirectory, signal, verbose } = options;
  await assertOurs(stateDirectory);
  const settings: MemberSettings = { ...DEFAULT_MEMBER_SETTINGS, ...options.settings };
  const lock = takeDaemonLock(stateDirectory);
  // Whoever sends it means the certificates: it ends no daemon that does not serve yet, or no more.
  process.on('SIGHUP', ignore);
  try {
    const identity = await readStoreIdentity(stateDirectory);
    if (identity.mode === 'embedded') throw isEmbedded(stateDirectory);
    const logger = pino(
      { name: 'snapcommit', level: verbose ? 'debug' : 'info', base: { node: identity.node, pid: process.pid } },
      logLines(STDERR),
    );
    const failed = new AbortController();
    const member = await openMember({
      stateDirectory,
      identity: logIdentity(identity),
      settings,
      logger,
      onStopped: (error) => {
        failed.abort(error);
      },
    });
    try {
      const stopped = await serveUntil(
        AbortSignal.any([signal, failed.signal]),
        member,
        { ...options, settings },
        logger,
      );
      if (failed.signal.aborted) throw failed.signal.reason;
      return { node: identity.node, stopped };
    } finally {
      await member.close();
    }
  } finally {
    process.off('SIGHUP', ignore);
    lock.release();
  }
}

function ignore(): void {
  // Certificates are read where a member is opened.
}

async function serveUntil(
  stop: AbortSignal,
  member: Member,
  options: DaemonOptions & { readonly settings: MemberSettings },
  logger: Logger,
): Promise<string> {
  const { stateDirectory, settings } = options;
  const manager = serviceManager(process.env, (reason) => {
    logger.warn({ reason }, 'the service manager was not told');
  });
  const care = careFor({ member, stateDirectory, settings, logger });
  const work = new AbortController();
  const stopping = AbortSignal.any([stop, work.signal]);
  const readiness = new Readiness({
    manager,
    timers: systemTimers,
    caughtUp: async () => care.ready(),
    stop: stopping,
  });
  const reload = (): void => {
    void readiness.whileReloading(async () => reloadCertificates(member, logger));
  };
  const { context } = care;
  const phases = new Phases(systemClock, () => openTransactions(member));
  member.calls.serve(
    participantHandler({
      participant: options.participant ?? care.participant,
      recover: async (dryRun) => recover(context, dryRun),
      verify: async (group, generation) => (await new LocalNode(context).verify(group, generation)).problems,
      phases,
    }),
  );
  let metrics: MetricsServer | null = null;
  let server: LocalServer | null = null;
  const renewing = setInterval(() => void renew(member, logger), RENEWAL_CHECK_MS);
  process.on('SIGHUP', reload);
  try {
    if (settings.metricsListen !== null)
      metrics = await serveMetrics(member.metrics, addressOf(settings.metricsListen), (error) => {
        logger.warn({ reason: error.message }, 'a scrape of the metrics could not be taken');
      });
    server = await serveLocally({
      stateDirectory,
      service: { log: member.log, stale: member.log, admin: member.admin, calls: member.calls, phases },
      onRefused: (reason) => {
        member.metrics.refused('local');
        logger.warn({ reason }, 'cut off a local connection');
      },
    });
    const { host, port } = member.listens;
    logger.info({ listens: { host, port }, told: member.address, metrics: metrics?.address ?? null }, 'serving');
    void renew(member, logger);
    care.start();
    void readiness.follow();
    void announceAddress(context, member.address, logger, work.signal);
    await aborted(stop);
    const why = messageOf(stop.reason);
    logger.info({ reason: why }, 'stopping');
    return why;
  } finally {
    manager.stopping();
    manager.end();
    work.abort();
    clearInterval(renewing);
    process.off('SIGHUP', reload);
    // Commands that wait for other nodes are told before the socket closes, and ask the next daemon.
    member.calls.end();
    // Beside each other: nothing that hangs, and nobody who is slow to read an answer, keeps the others without a leader.
    await Promise.all([handOver(member), care.end().then(async () => endServing(server, metrics))]);
  }
}

async function reloadCertificates({ certificates }: Member, logger: Logger): Promise<void> {
  try {
    await certificates.reload();
    logger.info('read the certificates again');
  } catch (error) {
    logger.error({ reason: messageOf(error) }, 'kept the old certificates');
  }
}

function openTransactions({ log }: Member): ReadonlySet<string> | null {
  const state = log.stateIfAny;
  return state === null ? null : new Set(Object.keys(state.open));
}

async function renew({ certificates }: Member, logger: Logger): Promise<void> {
  try {
    const renewed = await certificates.renewIfDue();
    if (renewed !== null) logger.info({ validUntil: renewed.validUntil }, 'renewed the certificate');
  } catch (error) {
    logger.error({ reason: messageOf(error) }, 'the certificate could not be renewed');
  }
}

async function endServing(server: LocalServer | null, metrics: MetricsServer | null): Promise<void> {
  await Promise.all([server?.close(), metrics?.close()]);
}

/** The others need not wait for us to be missed. */
async function handOver({ log }: Member): Promise<void> {
  const until = performance.now() + HAND_OVER_MS;
  try {
    if (log.replicaStatus().configuration.voters.length === 1) return;
    for (let asked = false; log.replicaStatus().role === 'leader' && performance.now() < until; asked = true) {
      if (!asked) log.transferLeadership();
      await delay(10);
    }
  } catch {
    // It stopped by itself: nobody is led by it any more.
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
