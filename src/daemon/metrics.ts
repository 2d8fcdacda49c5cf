/**
 * The daemon's metrics in the format of Prometheus, and the small HTTP server that serves them (GET /metrics). They say
 * nothing secret, but anybody who can reach the address can read them: it is a loopback one unless config.json says so,
 * and nothing is served unless config.json names a port.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { SnapcommitError } from '../errors.js';

/** What can be read at any moment; asked for at each scrape. */
export interface MetricsSource {
  /** Rounds of the ballot that this node has promised; its leader; what is chosen and applied. */
  log(): {
    readonly ballotRound: number;
    readonly isLeader: boolean;
    readonly decidedSlot: number;
    readonly appliedSlot: number;
    readonly checkpointSlot: number;
    /** Entries that wait to be proposed, and that are proposed and not chosen. */
    readonly queued: number;
    readonly inFlight: number;
  };
  /** By member, without this node; null where nothing is known. */
  lagSlots(): Readonly<Record<string, number | null>>;
  peers(): Readonly<
    Record<string, { readonly connected: boolean; readonly queuedBytes: number; readonly dropped: number }>
  >;
}

const SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];
const BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/** What is counted where it happens. */
export class Metrics {
  readonly registry = new Registry();
  readonly #leaderChanges: Counter;
  readonly #refused: Counter<'reason'>;
  readonly #appends: Counter<'result'>;
  readonly #batch: Histogram;
  readonly #sync: Histogram;
  readonly #append: Histogram;

  constructor(source: MetricsSource) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    const counter = <T extends string = never>(name: string, help: string, labelNames: readonly T[] = []) =>
      new Counter<T>({ name: `snapcommit_${name}`, help, labelNames: [...labelNames], registers });
    const histogram = (name: string, help: string, buckets: number[]) =>
      new Histogram({ name: `snapcommit_${name}`, help, buckets, registers });
    this.#leaderChanges = counter('leader_changes_total', 'How often another leader was heard of.');
    this.#refused = counter('refused_total', 'Connections and messages of peers that were refused.', ['reason']);
    this.#appends = counter('appends_total', 'Appends of local clients, by what they were answered.', ['result']);
    this.#batch = histogram('batch_entries', 'Entries that shared one sync.', BATCHES);
    this.#sync = histogram('sync_seconds', 'How long the store took to make a batch durable.', SECONDS);
    this.#append = histogram('append_seconds', 'How long an append of a local client took.', SECONDS);
    this.#gauges(source);
  }

  leaderChanged(): void {
    this.#leaderChanges.inc();
  }

  refused(reason: string): void {
    this.#refused.inc({ reason });
  }

  appended(result: 'chosen' | 'notDone' | 'unknown' | 'error', seconds: number): void {
    this.#appends.inc({ result });
    this.#append.observe(seconds);
  }

  persisted(entries: number, seconds: number): void {
    if (entries > 0) this.#batch.observe(entries);
    this.#sync.observe(seconds);
  }

  #gauges(source: MetricsSource): void {
    const registers = [this.registry];
    const gauge = (name: string, help: string, read: () => number): void => {
      const own = new Gauge({
        name: `snapcommit_${name}`,
        help,
        registers,
        collect() {
          own.set(read());
        },
      });
    };
    gauge('ballot_round', 'The round of the ballot that this node has promised.', () => source.log().ballotRound);
    gauge('is_leader', 'Whether this node leads.', () => Number(source.log().isLeader));
    gauge('decided_slot', 'The last slot that this node knows to be chosen.', () => source.log().decidedSlot);
    gauge('applied_slot', 'The last slot that this node has applied.', () => source.log().appliedSlot);
    gauge('checkpoint_slot', 'The slot of the newest checkpoint.', () => source.log().checkpointSlot);
    gauge('queued_entries', 'Entries that wait to be proposed.', () => source.log().queued);
    gauge('in_flight_entries', 'Entries that are proposed and not chosen.', () => source.log().inFlight);
    this.#byPeer(source, registers);
  }

  #byPeer(source: MetricsSource, registers: Registry[]): void {
    const gauge = (name: string, help: string, read: () => Readonly<Record<string, number | null>>): void => {
      const own = new Gauge<'peer'>({
        name: `snapcommit_${name}`,
        help,
        labelNames: ['peer'],
        registers,
        collect() {
          // Of a member that was removed nothing more is said.
          own.reset();
          for (const [peer, value] of Object.entries(read())) if (value !== null) own.set({ peer }, value);
        },
      });
    };
    const ofPeers = (pick: (peer: ReturnType<MetricsSource['peers']>[string]) => number) => () =>
      Object.fromEntries(Object.entries(source.peers()).map(([name, peer]) => [name, pick(peer)]));
    gauge('replica_lag_slots', 'How many chosen slots a member lacks, as far as this node knows.', () =>
      source.lagSlots(),
    );
    gauge(
      'peer_connected',
      'Whether a peer is connected.',
      ofPeers(({ connected }) => Number(connected)),
    );
    gauge(
      'peer_queued_bytes',
      'What waits to be sent to a peer.',
      ofPeers(({ queuedBytes }) => queuedBytes),
    );
    gauge(
      'peer_dropped',
      'Messages to a peer that were dropped since the start.',
      ofPeers(({ dropped }) => dropped),
    );
  }
}

export interface MetricsServer {
  /** `host:port`, with the port that was really taken. */
  readonly address: string;
  close(): Promise<void>;
}

/** @throws UNAVAILABLE when the address cannot be had. */
export async function serveMetrics(metrics: Metrics, host: string, port: number): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(request.method === 'GET' ? 404 : 405).end();
      return;
    }
    metrics.registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': metrics.registry.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  server.requestTimeout = 5000;
  server.headersTimeout = 5000;
  server.maxConnections = 16;
  await listening(server, host, port);
  const { address, family, port: taken } = server.address() as AddressInfo;
  return {
    address: `${family === 'IPv6' ? `[${address}]` : address}:${String(taken)}`,
    close: async () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

async function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const message = `the metrics cannot be served on ${host}:${String(port)}: ${error.message}. Name another port as metricsListen in config.json`;
      reject(new SnapcommitError('UNAVAILABLE', message, { host, port }, error));
    });
    server.listen(port, host, resolve);
  });
}
