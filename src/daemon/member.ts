/**
 * One member of a cluster, put together: store, replica, transport, certificates. What is served to commands, and when it
 * stops, stands in run.ts.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { CredentialFiles, type Authority } from '../adapters/certificates/index.js';
import { systemClock } from '../adapters/clock-system.js';
import { openReplicaStore } from '../adapters/store-sqlite/replica/index.js';
import { systemTimers } from '../adapters/timers-system.js';
import { listenTls, type TlsTransport, type TlsTransportOptions } from '../adapters/transport-tls/index.js';
import { openReplica, type ReplicaHost } from '../log/replica-host.js';
import { isDraining } from '../machine/draining.js';
import type { Entry, Operation } from '../machine/entry.js';
import type { State } from '../machine/state.js';
import type { ReplicaEvent } from '../ports/cluster-log.js';
import type { LogIdentity } from '../ports/log.js';
import type { TokenLedger } from '../ports/token-ledger.js';
import type { PeerAddress } from '../ports/transport.js';
import { addressOf } from './cluster/address.js';
import type { ClusterStatus } from './cluster/admin.js';
import { ContactBook } from './cluster/contact-book.js';
import { Certificates, requireAuthority, requireCredentials } from './cluster/certificates.js';
import { joinLog } from './cluster/join-log.js';
import { logLedger } from './cluster/ledger.js';
import { MemberAdmin, type MemberView } from './cluster/member-admin.js';
import { addressesIn, addressIn } from './cluster/peers.js';
import { clusterDirectory, readContacts } from './cluster/place.js';
import { clusterStatus } from './cluster/status.js';
import { encodeWelcome } from './cluster/welcome.js';
import { LOG_FILE } from './embedded-log.js';
import { listenAnywhere } from './listen-anywhere.js';
import { Metrics } from './metrics.js';
import type { PeerCalls } from './participants/peer-calls.js';
import { PeerLink } from './peer-link.js';
import type { MemberSettings } from './settings.js';
import { logDirectory } from './state-directory.js';

export interface MemberOptions {
  readonly stateDirectory: string;
  /** As the store says. */
  readonly identity: LogIdentity;
  readonly settings: MemberSettings;
  readonly logger: Logger;
  /** It serves nothing more: the process has to end. */
  readonly onStopped: (error: Error) => void;
}

export interface Member {
  readonly log: ReplicaHost;
  readonly admin: MemberAdmin;
  readonly certificates: Certificates;
  /** To and from the participants of all members; call `serve` once this node's own can answer. */
  readonly calls: PeerCalls;
  readonly metrics: Metrics;
  /** Where it listens for its peers. */
  readonly listens: PeerAddress;
  /** `HOST:PORT` that its peers are told. */
  readonly address: string;
  status(): ClusterStatus;
  /** For how long that node has not been reached, ms; null: it is. Of nobody known, for ever. */
  unreachableForMs(node: string): number | null;
  /** Hears of every entry that is applied from now on. One listener. */
  watch(listener: AppliedListener): void;
  /** Writes what waits, and lets go of everything. */
  close(): Promise<void>;
}

const TIME = { clock: systemClock, timers: systemTimers };

export type AppliedListener = (entry: Entry | null, state: State) => void;

/** After these the addresses of peers may be others. */
const MOVES_PEERS: ReadonlySet<Operation['type']> = new Set(['putMember', 'removeMember', 'useToken']);

/** What is there once it is open. */
interface Opened {
  log: ReplicaHost | null;
  transport: TlsTransport | null;
  listener: AppliedListener | null;
}

export async function openMember(options: MemberOptions): Promise<Member> {
  const { stateDirectory, identity, settings, logger } = options;
  const files = new CredentialFiles(clusterDirectory(stateDirectory));
  const contacts = await openContacts(stateDirectory, logger);
  const credentials = await requireCredentials(files);
  const authority = await requireAuthority(files);
  await files.removeLeftovers();
  const address = settings.advertise ?? contacts.contacts.address;
  const opened: Opened = { log: null, transport: null, listener: null };
  const metrics = new Metrics({
    replica: () => (opened.log?.hasCore === true ? opened.log.replicaStatus() : null),
    lagSlots: () => (opened.log?.hasCore === true ? lagOfOthers(status()) : {}),
    peers: () => opened.transport?.counters() ?? new Map(),
  });
  const link = new PeerLink({ identity, contacts, metrics, logger, ...TIME, settings });
  const log = await openLogOf(options, metrics, link, (entry, state) => opened.listener?.(entry, state));
  opened.log = log;
  link.attach(log);
  const ledger = logLedger(log, systemClock);
  const certificates = new Certificates({
    identity,
    files,
    credentials,
    authority,
    clock: systemClock,
    onRenewed: (renewed) => {
      opened.transport?.setCredentials(renewed);
    },
  });
  const transport = await listenAt(settings.listen, address, {
    self: { cluster: identity.cluster, node: identity.node },
    credentials,
    user: link,
    ...TIME,
    random: { bytes: (count) => randomBytes(count) },
    services: certificates.services(issuerOver(log, ledger, authority, metrics, logger)),
  }).catch(async (error: unknown) => {
    await log.end();
    throw error;
  });
  opened.transport = transport;
  link.connect(transport);

  function status(): ClusterStatus {
    const placeOf = (node: string): string | null =>
      addressIn(log.staleState(), node) ?? (node === identity.node ? address : null);
    return clusterStatus(log.identity, log.replicaStatus(), link.progress, placeOf, (node) =>
      isDraining(log.staleState(), node),
    );
  }
  return {
    log,
    admin: new MemberAdmin(log, ledger, certificates, viewOver(link, status), systemTimers),
    certificates,
    calls: link.calls,
    metrics,
    listens: transport.address,
    address,
    status,
    unreachableForMs: (node) => link.unreachableForMs(node),
    watch(listener) {
      opened.listener = listener;
    },
    async close() {
      await link.end();
      await log.end();
      await transport.close();
    },
  };
}

function viewOver(link: PeerLink, status: MemberView['status']): MemberView {
  return {
    status,
    isProven: (node) => link.isProven(node),
    isReached: (node) => link.unreachableForMs(node) === null,
    judgedWithinMs: link.judgedWithinMs,
  };
}

async function openContacts(stateDirectory: string, logger: Logger): Promise<ContactBook> {
  return new ContactBook(stateDirectory, await readContacts(stateDirectory), (error) => {
    logger.error({ error: String(error) }, "the members' addresses could not be kept beside the log");
  });
}

async function openLogOf(
  options: MemberOptions,
  metrics: Metrics,
  link: PeerLink,
  onApplied: AppliedListener,
): Promise<ReplicaHost> {
  const { stateDirectory, settings } = options;
  const store = await openReplicaStore(join(logDirectory(stateDirectory), LOG_FILE));
  return openReplica(
    {
      store,
      send: (to, message) => {
        link.send(to, message);
      },
      timers: systemTimers,
      clock: systemClock,
      metrics,
      onEvent: (event) => {
        if (event.type === 'scrubbed') metrics.scrubbed(event.rows, event.damaged);
        heard(event, options, link);
      },
      onApplied: ({ entry }, state) => {
        onApplied(entry, state);
        if (entry !== null && MOVES_PEERS.has(entry.operation.type)) queueMicrotask(() => link.refreshPeers());
      },
    },
    {
      tickMs: settings.heartbeatMs,
      checkpointSlots: settings.checkpointSlots,
      keepSlots: settings.keepSlots,
      scrubEveryMs: settings.scrubEveryMs,
    },
  ).catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
}

/** Whom this member lets in, and what it tells them. */
function issuerOver(
  log: ReplicaHost,
  ledger: TokenLedger,
  authority: Authority,
  metrics: Metrics,
  logger: Logger,
): Parameters<Certificates['services']>[0] {
  return {
    ledger,
    timers: systemTimers,
    members: async () => addressesIn(await log.read()),
    welcome: async () =>
      Promise.resolve(
        encodeWelcome({
          incarnation: log.identity.incarnation,
          configuration: log.configuration,
          authority,
        }),
      ),
    onDecision: joinLog(systemClock, metrics, logger),
  };
}

function lagOfOthers({ members }: ClusterStatus): Readonly<Record<string, number | null>> {
  return Object.fromEntries(members.filter(({ isSelf }) => !isSelf).map(({ node, lagSlots }) => [node, lagSlots]));
}

/** Where config.json says, or everywhere on the port that peers are told. */
async function listenAt(
  listen: string | null,
  told: string,
  options: Omit<TlsTransportOptions, 'listen'>,
): Promise<TlsTransport> {
  const at = async (place: PeerAddress): Promise<TlsTransport> => listenTls({ ...options, listen: place });
  return listen === null ? listenAnywhere(addressOf(told).port, at) : at(addressOf(listen));
}

function heard(event: ReplicaEvent, { logger, onStopped }: MemberOptions, link: PeerLink): void {
  switch (event.type) {
    case 'stopped':
      onStopped(event.error);
      return;
    case 'configured': {
      const { id, voters, learners } = event.configuration;
      logger.info({ configuration: id, voters, learners }, 'the membership changed');
      queueMicrotask(() => link.refreshPeers());
      return;
    }
    case 'full':
      logger.error('the disk is full: appends are refused until there is room');
      return;
    case 'room':
      logger.info('the disk has room again');
      return;
    case 'diskStalls':
      logger.error(
        'the disk does not answer: a sync of the log does not return. This node leads no more until it does',
      );
      return;
    case 'diskReturned':
      logger.info('the disk answers again');
      return;
    case 'damaged':
    case 'forgetful':
      logger.error(event.message);
      return;
    case 'healed':
      logger.info('what was damaged is healed');
      return;
    case 'scrubbed':
      logger[event.damaged > 0 ? 'warn' : 'debug']({ rows: event.rows, damaged: event.damaged }, 'read all of the log');
      return;
    case 'scrubFailed':
      logger.warn({ reason: event.message }, 'the log could not be read through');
      return;
    case 'retired':
      logger.warn('this node is no member any more, and nobody needs its log: stop the daemon');
      return;
    case 'transferFailed':
      logger.warn({ from: event.from, reason: event.message }, 'a checkpoint did not arrive');
      return;
  }
}
