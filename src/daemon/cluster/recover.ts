/**
 * `cluster recover`: disaster recovery. This member's log, all of it, becomes the log of a cluster of one: what it had
 * accepted and never knew to be chosen counts as chosen, and what it never had is given up. One sync does it.
 *
 * The incarnation rises (../incarnation.ts), so that no token, stamp or staged name of the history that is given up can
 * pass for one of this (T17), and the members that are given up are refused by it for ever.
 */
import { join } from 'node:path';
import { nodeFiles } from '../../adapters/node-files.js';
import { systemClock } from '../../adapters/clock-system.js';
import { openReplicaStore } from '../../adapters/store-sqlite/replica/index.js';
import { crashPoint } from '../../crash-points.js';
import { SnapcommitError } from '../../errors.js';
import { encodeState } from '../../log/codec.js';
import { startReplica } from '../../log/replica-start.js';
import { lookup, mapRecord } from '../../machine/record.js';
import type { State } from '../../machine/state.js';
import { nodeId } from '../../paxos/ballot.js';
import type { Configuration } from '../../paxos/configuration.js';
import { DEFAULT_LIMITS } from '../../paxos/limits.js';
import { slot } from '../../paxos/slot.js';
import { readStamp } from '../../participant/stamps.js';
import type { LogIdentity } from '../../ports/log.js';
import type { Loaded, ReplicaStore, StoreBatch } from '../../ports/replica-store.js';
import { withDaemonLock } from '../daemon-lock.js';
import { LOG_FILE } from '../embedded-log.js';
import { nextIncarnation } from '../incarnation.js';
import { readStoreIdentity } from '../open-log.js';
import { assertOurs, logDirectory } from '../state-directory.js';
import { isEmbedded } from './client.js';

export interface RecoveryPreview {
  readonly cluster: string;
  readonly node: string;
  /** What this member holds, and what of it it knows to be chosen. */
  readonly lastSlot: number;
  readonly decidedSlot: number;
  /** The other members, sorted. */
  readonly discarded: readonly string[];
}

export interface RecoveredClusterReport extends RecoveryPreview {
  /** The new one. */
  readonly incarnation: number;
}

/** What would be done. @throws UNAVAILABLE for an embedded log, BUSY while the daemon runs. */
export async function recoveryPreview(stateDirectory: string): Promise<RecoveryPreview> {
  return withStore(stateDirectory, async (store) => previewOf(await store.load()));
}

/**
 * The caller has consented to what the preview tells. @throws as recoveryPreview; LOG_CORRUPT when this member's log is not
 * whole: then another member has to do it, or the log be rebuilt from the volumes.
 */
export async function recoverCluster({
  stateDirectory,
}: {
  readonly stateDirectory: string;
}): Promise<RecoveredClusterReport> {
  return withStore(stateDirectory, async (store) => {
    const loaded = await store.load();
    if (loaded.damaged.length > 0) throw damaged(store.file, loaded.damaged);
    const machine = appliedWhole(loaded, store.file);
    const stamped = await stampedIncarnations(machine.state, loaded.identity);
    const { identity } = loaded;
    const seen = [identity.incarnation, machine.state.incarnation, ...stamped];
    const incarnation = nextIncarnation(seen, systemClock.now(), identity.node);
    const batch = aloneFrom(loaded, machine, incarnation);
    crashPoint('cluster.before-recovery');
    await store.persist(batch);
    crashPoint('cluster.after-recovery');
    return { ...previewOf(loaded), incarnation };
  });
}

type Machine = ReturnType<typeof startReplica>['machine'];

/** With every entry that is here, chosen or not. */
function appliedWhole(loaded: Loaded, file: string): Machine {
  const { machine } = startReplica(loaded, file, DEFAULT_LIMITS);
  const known = machine.state.applied;
  const undecided = loaded.entries.slice(known - loaded.head.checkpoint);
  // What they do is in the machine; what each answered, nobody waits for any more.
  Array.from(machine.apply(slot(known + 1), undecided));
  return machine;
}

/** What this log's stamps on this node's volumes say: also of a recovery that this state directory knows nothing of. */
async function stampedIncarnations({ volumes }: State, { cluster, node }: LogIdentity): Promise<readonly number[]> {
  const own = Object.values(volumes).filter(({ record }) => record.node === node);
  const stamps = await Promise.all(
    own.map(async ({ record }) => readStamp(nodeFiles, record.publishDirectory).catch(() => null)),
  );
  return stamps.flatMap((stamp) => (stamp?.cluster === cluster ? [stamp.incarnation] : []));
}

/** Everything at once: all entries applied, a stop-sign that nobody else has to agree to any more, a checkpoint over both. */
function aloneFrom(loaded: Loaded, machine: Machine, incarnation: number): StoreBatch {
  const { head, identity } = loaded;
  const at = slot(head.last + 1);
  const configuration: Configuration = {
    id: newestConfiguration(loaded) + 1,
    voters: [nodeId(identity.node)],
    learners: [],
    after: at,
  };
  const stopSign = { ballot: head.promised, bytes: new Uint8Array(), next: configuration };
  const state: State = {
    ...machine.state,
    applied: at,
    incarnation,
    members: ownMember(machine.state, identity.node),
    pins: ownPins(machine.state, identity.node),
    tokens: {},
  };
  return {
    writes: [
      {
        promised: head.promised,
        accepted: head.promised,
        decided: at,
        configuration,
        abstains: null,
        first: at,
        entries: [stopSign],
        install: null,
        sync: true,
      },
    ],
    archive: machine.takeArchive(),
    applied: at,
    checkpoint: { bytes: encodeState(state), keep: 0 },
    identity: { incarnation },
  };
}

/** Also of stop-signs that were accepted and never known to be chosen. */
function newestConfiguration({ identity, entries }: Loaded): number {
  return Math.max(identity.configuration.id, ...entries.map(({ next }) => next?.id ?? 0));
}

function ownMember({ members }: State, node: string): State['members'] {
  const own = lookup(members, node);
  return own === undefined ? {} : { [node]: own };
}

/** Of the nodes that are given up, nobody could tell any more whether a process still lives (as in machine/nodes.ts). */
function ownPins({ pins }: State, node: string): State['pins'] {
  return mapRecord(pins, (pin) => (pin.holder.node === node ? pin : undefined));
}

function previewOf({ identity, head }: Loaded): RecoveryPreview {
  const { cluster, node, configuration } = identity;
  const others = [...configuration.voters, ...configuration.learners].filter((one) => one !== node).sort();
  return { cluster, node, lastSlot: head.last, decidedSlot: head.decided, discarded: others };
}

async function withStore<T>(stateDirectory: string, action: (store: ReplicaStore) => Promise<T>): Promise<T> {
  await assertOurs(stateDirectory);
  return withDaemonLock(stateDirectory, async () => {
    const { mode } = await readStoreIdentity(stateDirectory);
    if (mode === 'embedded') throw isEmbedded(stateDirectory);
    const store = await openReplicaStore(join(logDirectory(stateDirectory), LOG_FILE));
    try {
      return await action(store);
    } finally {
      await store.close();
    }
  });
}

function damaged(file: string, slots: readonly number[]): SnapcommitError {
  return new SnapcommitError(
    'LOG_CORRUPT',
    `the log ${file} cannot be read at slot ${slots.slice(0, 3).join(', ')}, so it cannot go on alone. Recover on another ` +
      'member, or rebuild the log with `snapcommit init --from-volumes`',
    { file, slots: [...slots] },
  );
}
