/**
 * What the daemon counts, in the format of Prometheus. The names and what they mean are told once, here; metrics-server.ts
 * serves them.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ReplicaMetrics, ReplicaStatus } from '../ports/cluster-log.js';
import type { PeerCounters } from '../ports/transport.js';
import type { CallMetrics } from './participants/call-metrics.js';

/** What is asked for at each scrape. */
export interface MetricsSource {
  /** null: not open yet. */
  replica(): ReplicaStatus | null;
  /** By member, without this node; null where nothing is known. */
  lagSlots(): Readonly<Record<string, number | null>>;
  peers(): ReadonlyMap<string, PeerCounters>;
}

const SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];
const BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

export class Metrics implements ReplicaMetrics {
  readonly registry = new Registry();
  /** Calls between nodes. */
  readonly calls: CallMetrics;
  readonly #leaderChanges: Counter;
  readonly #chosen: Counter;
  readonly #scrubbed: Counter;
  readonly #damage: Counter;
  readonly #refused: Counter<'reason'>;
  readonly #batch: Histogram;
  readonly #sync: Histogram;
  readonly #queues: Gauge<'queue'>;
  readonly #ballot: Gauge;

  constructor(source: MetricsSource) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    const counter = <T extends string = never>(name: string, help: string, labelNames: readonly T[] = []) =>
      new Counter<T>({ name: `snapcommit_${name}`, help, labelNames: [...labelNames], registers });
    const histogram = (name: string, help: string, buckets: number[]) =>
      new Histogram({ name: `snapcommit_${name}`, help, buckets, registers });
    this.#leaderChanges = counter('leader_changes_total', 'How often another leader was heard of.');
    this.#chosen = counter('slots_chosen_total', 'Slots that this node came to know as chosen.');
    this.#scrubbed = counter('scrubbed_rows_total', 'Rows of the log that were read to see whether they are whole.');
    this.#damage = counter('scrub_damage_total', 'Rows, records and checkpoints that a scrub found damaged.');
    this.#refused = counter('refused_total', 'Connections and messages that were refused.', ['reason']);
    this.#batch = histogram('batch_entries', 'Entries that shared one sync.', BATCHES);
    this.#sync = histogram('sync_seconds', 'How long the store took to make a batch durable.', SECONDS);
    this.#queues = new Gauge({
      name: 'snapcommit_queue_depth',
      help: 'What waits: appends and reads for an answer, forwarded entries for a proposal, batches for a sync.',
      labelNames: ['queue'],
      registers,
    });
    this.#ballot = new Gauge({
      name: 'snapcommit_ballot_round',
      help: 'The round of the ballot that this node has promised.',
      registers,
    });
    this.calls = callCounters((name, help) => counter(name, help, ['kind']));
    this.#ofTheReplica(source, registers);
    this.#ofPeers(source, registers);
  }

  ballot(round: number): void {
    this.#ballot.set(round);
  }

  leaderChanged(): void {
    this.#leaderChanges.inc();
  }

  slotsChosen(count: number): void {
    this.#chosen.inc(count);
  }

  batch(entries: number, milliseconds: number): void {
    if (entries > 0) this.#batch.observe(entries);
    this.#sync.observe(milliseconds / 1000);
  }

  queue(name: 'appends' | 'forwarded' | 'reads' | 'unsynced', depth: number): void {
    this.#queues.set({ queue: name }, depth);
  }

  lag(): void {
    // Told by every node of all the others (progress.ts), not by the leader alone.
  }

  scrubbed(rows: number, damaged: number): void {
    this.#scrubbed.inc(rows);
    this.#damage.inc(damaged);
  }

  messageRefused(): void {
    this.refused('unreadable');
  }

  /** `reason`: one of few words. */
  refused(reason: string): void {
    this.#refused.inc({ reason });
  }

  #ofTheReplica(source: MetricsSource, registers: Registry[]): void {
    const gauge = (name: string, help: string, read: (replica: ReplicaStatus) => number): void => {
      const own = new Gauge({
        name: `snapcommit_${name}`,
        help,
        registers,
        collect() {
          const replica = source.replica();
          if (replica !== null) own.set(read(replica));
        },
      });
    };
    gauge('is_leader', 'Whether this node leads.', ({ role }) => Number(role === 'leader'));
    gauge('votes', 'Whether the word of this node counts.', ({ standing }) => Number(standing === 'voting'));
    gauge('decided_slot', 'The last slot that this node knows to be chosen.', ({ decidedSlot }) => decidedSlot);
    gauge('applied_slot', 'The last slot that this node has applied.', ({ appliedSlot }) => appliedSlot);
    gauge('checkpoint_slot', 'The slot of the newest checkpoint.', ({ checkpointSlot }) => checkpointSlot);
    gauge('configuration', 'The number of the membership.', ({ configuration }) => configuration.id);
    gauge('disk_stalls', 'Whether a sync of the store does not return.', ({ diskStalls }) => Number(diskStalls));
    gauge('disk_full', 'Whether the store has no room.', ({ isFull }) => Number(isFull));
  }

  #ofPeers(source: MetricsSource, registers: Registry[]): void {
    const gauge = (name: string, help: string, read: () => Iterable<readonly [string, number | null]>): void => {
      const own = new Gauge<'peer'>({
        name: `snapcommit_${name}`,
        help,
        labelNames: ['peer'],
        registers,
        collect() {
          // Of a member that was removed nothing more is said.
          own.reset();
          for (const [peer, value] of read()) if (value !== null) own.set({ peer }, value);
        },
      });
    };
    const ofCounters = (pick: (counters: PeerCounters) => number) => () =>
      [...source.peers()].map(([peer, counters]) => [peer, pick(counters)] as const);
    gauge('replica_lag_slots', 'How many chosen slots a member lacks, as far as this node knows.', () =>
      Object.entries(source.lagSlots()),
    );
    gauge(
      'peer_connected',
      'Whether a peer is connected.',
      ofCounters(({ connected }) => Number(connected)),
    );
    gauge(
      'peer_queued_bytes',
      'What waits to be sent to a peer.',
      ofCounters(({ queuedBytes }) => queuedBytes),
    );
    gauge('peer_dropped_messages', 'Messages to a peer that were dropped since the start.', ofCounters(droppedOf));
  }
}

function callCounters(counter: (name: string, help: string) => Counter<'kind'>): CallMetrics {
  const count = (own: Counter<'kind'>) => (kind: string) => {
    own.inc({ kind });
  };
  return {
    asked: count(counter('calls_total', 'Calls that were made to other nodes.')),
    failed: count(
      counter('call_failures_total', 'Calls to other nodes that were answered by an error, or not at all.'),
    ),
    resent: count(counter('call_resends_total', 'How often a call was sent once more.')),
    begun: count(counter('calls_begun_total', 'Calls that were begun here, for other nodes and for commands.')),
  };
}

function droppedOf({ droppedDisconnected, droppedFull, droppedOversized }: PeerCounters): number {
  return droppedDisconnected + droppedFull + droppedOversized;
}
