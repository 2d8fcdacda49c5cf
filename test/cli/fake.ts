/** A node that answers canned documents and notes what it was asked, and a world to run the command line in. */
import type { Openers } from '#src/cli/openers.js';
import { main } from '#src/cli/main.js';
import type { Io, StopSignal } from '#src/cli/io.js';
import type {
  ClusterClient,
  ClusterStatus,
  DrainReport,
  GenerationReport,
  GroupReport,
  NodeOptions,
  RebuildReport,
  SnapcommitNode,
  UnitsReport,
  VolumeReport,
  VolumeTreeReport,
} from '#src/index.js';

export interface Call {
  readonly method: string;
  readonly args: readonly unknown[];
}

export const GENERATION: GenerationReport = {
  group: 'app',
  generation: 12,
  transaction: '01kk2x5m0v3q8r9t6w4y7z1abc',
  state: 'published',
  slot: 40,
  committedAt: '2026-11-22T10:00:01.123Z',
  message: 'nightly',
  labels: { by: 'cron' },
  consistency: { grade: 'barrier', stallMs: 23, skewMs: 4, frozen: ['n1:/app/writers'], hosts: [] },
  volumes: [
    {
      volume: 'db',
      node: 'n1',
      driver: 'btrfs',
      snapshot: { id: 'uuid-1', path: '/srv/.snapcommit/db/app@12' },
      replaced: null,
    },
    {
      volume: 'wal',
      node: 'n2',
      driver: 'btrfs',
      snapshot: { id: 'uuid-2', path: null },
      replaced: null,
    },
  ],
  incomplete: false,
  holds: ['audit'],
  mode: 'capture',
  sourceGeneration: null,
};

export const VOLUME: VolumeReport = {
  name: 'db',
  node: 'n1',
  driver: 'btrfs',
  source: '/srv/db',
  publishDirectory: '/srv/.snapcommit/db',
  filesystem: 'fs-uuid',
  forfeited: false,
  groups: ['app'],
};

export const GROUP: GroupReport = {
  name: 'app',
  volumes: ['db', 'wal'],
  freezeCgroups: ['/app/writers'],
  freezeUnits: [],
  stopUnits: [],
  require: 'barrier',
  stallLimitMs: 5000,
  preHooks: [],
  postHooks: [],
  generation: 12,
  open: null,
};

/** A root that was a volume, and two new ones below it. */
export const TREE: VolumeTreeReport = {
  dryRun: false,
  added: ['app-db', 'app-db-logs'],
  volumes: [
    { ...VOLUME, name: 'app', source: '/tank/app', publishDirectory: '/tank/.snapcommit/app', groups: ['all'] },
    { ...VOLUME, name: 'app-db', source: '/tank/app/db', publishDirectory: '/tank/.snapcommit/app-db', groups: [] },
    {
      ...VOLUME,
      name: 'app-db-logs',
      source: '/tank/app/db/logs',
      publishDirectory: '/tank/.snapcommit/app-db-logs',
      groups: [],
    },
  ],
  containers: ['tank/app/more'],
  groups: [{ group: 'all', volumes: ['app', 'blobs'], missing: ['app-db', 'app-db-logs'] }],
};

const REBUILD: RebuildReport = {
  stateDirectory: '/state',
  cluster: 'c1',
  node: 'n1',
  incarnation: 2,
  slot: 41,
  done: false,
  volumes: [{ volume: 'db', driver: 'btrfs', source: '/srv/db', publishDirectory: '/srv/.snapcommit/db' }],
  groups: [
    {
      group: 'app',
      newest: 12,
      settings: 'manifest',
      generations: [
        { generation: 11, state: 'incomplete', taken: false, reasons: ['the snapshot of volume db is not there'] },
        { generation: 12, state: 'complete', taken: true, reasons: [] },
      ],
    },
  ],
  losses: ['every hold'],
};

const DRAINED: DrainReport = {
  node: 'n2',
  draining: true,
  volumes: ['wal'],
  groups: [],
  transactions: [],
  pendingPublish: ['app@12'],
  pins: [],
};

const DRY_RUN = {
  group: 'app',
  dryRun: true as const,
  reachableGrade: 'barrier' as const,
  freezes: ['/app/writers'],
  volumes: [{ volume: 'db', source: '/srv/db', driver: 'btrfs', liveId: 'uuid-0' }],
};

const TRANSACTION = {
  transaction: GENERATION.transaction,
  group: 'app',
  mode: 'capture',
  state: 'aborted',
  generation: null,
  reason: 'stopped by SIGINT.',
  coordinator: null,
  since: null,
  phase: null,
  waitingFor: [],
} as const;

export const UNITS: UnitsReport = {
  unitDirectory: '/etc/systemd/system',
  dryRun: false,
  units: [
    { unit: 'snapcommit.service', path: '/etc/systemd/system/snapcommit.service', action: 'written' },
    {
      unit: 'snapcommit-recover.service',
      path: '/etc/systemd/system/snapcommit-recover.service',
      action: 'unchanged',
    },
  ],
  enabled: ['snapcommit-recover.service'],
  warnings: [],
};

export const CLUSTER: ClusterStatus = {
  cluster: 'c1',
  node: 'n1',
  incarnation: 1,
  configuration: 3,
  leader: 'n1',
  ballot: { round: 7, node: 'n1' },
  hasQuorum: true,
  decidedSlot: 40,
  checkpointSlot: 32,
  members: [
    {
      node: 'n1',
      role: 'voter',
      address: '10.0.0.1:7420',
      isLeader: true,
      isDraining: false,
      isSelf: true,
      lastSlot: 40,
      lagSlots: 0,
      unreachableSince: null,
    },
    {
      node: 'n2',
      role: 'voter',
      address: '10.0.0.2:7420',
      isLeader: false,
      isDraining: false,
      isSelf: false,
      lastSlot: 38,
      lagSlots: 2,
      unreachableSince: '2026-11-22T10:00:01.123Z',
    },
    {
      node: 'n3',
      role: 'learner',
      address: null,
      isLeader: false,
      isDraining: false,
      isSelf: false,
      lastSlot: null,
      lagSlots: null,
      unreachableSince: null,
    },
  ],
};

const PREVIEW = { cluster: 'c1', node: 'n1', lastSlot: 41, decidedSlot: 40, discarded: ['n2', 'n3'] };

export const TOKEN = 'snapcommit-join-1.SECRET';

function fakeCluster(calls: Call[], overrides: Partial<ClusterClient>): ClusterClient {
  const asked =
    <T>(method: string, answer: T) =>
    async (...args: readonly unknown[]): Promise<T> => {
      calls.push({ method, args });
      return Promise.resolve(answer);
    };
  const change = { configuration: 4, voters: ['n1', 'n2', 'n3'], learners: [] };
  return {
    status: asked('status', CLUSTER),
    issueToken: asked('issueToken', { token: TOKEN, expiresAt: '2026-11-22T11:00:01.123Z', node: null }),
    addVoter: asked('addVoter', change),
    removeMember: asked('removeMember', change),
    replaceMember: asked('replaceMember', change),
    renewCertificate: asked('renewCertificate', { node: 'n1', validUntil: '2027-02-20T10:00:01.123Z' }),
    close() {
      calls.push({ method: 'close', args: [] });
    },
    ...overrides,
  };
}

/** `calls` hears of every call; `close` among them. */
function fakeNode(calls: Call[], overrides: Partial<SnapcommitNode>): SnapcommitNode {
  const asked =
    <T>(method: string, answer: T) =>
    async (...args: readonly unknown[]): Promise<T> => {
      calls.push({ method, args });
      return Promise.resolve(answer);
    };
  return {
    addVolume: asked('addVolume', VOLUME),
    addVolumeTree: asked('addVolumeTree', TREE),
    moveVolume: asked('moveVolume', VOLUME),
    volumes: asked('volumes', [VOLUME]),
    volume: asked('volume', VOLUME),
    removeVolume: asked('removeVolume', undefined),
    forfeitVolume: asked('forfeitVolume', undefined),
    createGroup: asked('createGroup', GROUP),
    updateGroup: asked('updateGroup', GROUP),
    groups: asked('groups', [GROUP]),
    group: asked('group', GROUP),
    removeGroup: asked('removeGroup', undefined),
    commit: asked('commit', GENERATION),
    commitDryRun: asked('commitDryRun', DRY_RUN),
    transactDryRun: asked('transactDryRun', DRY_RUN),
    restoreDryRun: asked('restoreDryRun', DRY_RUN),
    transact: asked('transact', GENERATION),
    restore: asked('restore', GENERATION),
    list: asked('list', [GENERATION]),
    show: asked('show', GENERATION),
    open: asked('open', {
      group: 'app',
      generation: 12,
      view: '/state/views/app/app@12',
      volumes: { db: { node: 'n1', path: '/srv/.snapcommit/db/app@12' }, wal: { node: 'n2', path: null } },
    }),
    exec: asked('exec', 0),
    diff: asked('diff', {
      group: 'app',
      from: 11,
      to: 12,
      volumes: { db: { added: ['new'], changed: ['both'], removed: ['old'] } },
    }),
    verify: asked('verify', { generations: 3, problems: [], notAsked: [] }),
    transactions: asked('transactions', [TRANSACTION]),
    transaction: asked('transaction', TRANSACTION),
    abortTransaction: asked('abortTransaction', TRANSACTION),
    addHold: asked('addHold', undefined),
    releaseHold: asked('releaseHold', undefined),
    holds: asked('holds', [
      { group: 'app', generation: 11, tag: 'audit' },
      { group: 'app', generation: 12, tag: 'manual' },
    ]),
    prune: asked('prune', { group: 'app', removed: [10], kept: [{ generation: 12, reasons: ['last', 'protected'] }] }),
    drainNode: asked('drainNode', DRAINED),
    undrainNode: asked('undrainNode', { ...DRAINED, draining: false }),
    freshness: () => ({ stale: false, asOfSlot: null }),
    recover: asked('recover', { actions: [], failures: [] }),
    status: asked('status', {
      node: 'n1',
      cluster: 'c1',
      engine: 'paxos',
      log: { lastSlot: 40, checkpointSlot: 0 },
      groups: [{ group: 'app', generation: 12, committedAt: GENERATION.committedAt, open: null, pendingPublish: [] }],
      transactions: [],
      pendingPublish: [],
      frozen: [],
    }),
    exportLog: asked('exportLog', { format: 'x' }),
    close() {
      calls.push({ method: 'close', args: [] });
    },
    ...overrides,
  };
}

export interface World {
  readonly node?: Partial<SnapcommitNode>;
  readonly cluster?: Partial<ClusterClient>;
  readonly openers?: Partial<Openers>;
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly isTTY?: boolean;
  /** Hears the report function and a way to send signals, before the node is handed out. */
  readonly onOpen?: (options: NodeOptions, stop: (signal: StopSignal) => void) => void;
}

export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly calls: readonly Call[];
  /** The options of each openNode. */
  readonly opened: readonly NodeOptions[];
}

/** Runs one command line against the fake. Nothing outside this process is touched; /state does not exist. */
export async function run(argv: readonly string[], world: World = {}): Promise<Ran> {
  const calls: Call[] = [];
  const opened: NodeOptions[] = [];
  const listeners = new Set<(signal: StopSignal) => void>();
  const written = { stdout: '', stderr: '' };
  const output = (name: 'stdout' | 'stderr') => ({
    isTTY: world.isTTY ?? false,
    columns: world.isTTY === true ? 60 : 0,
    write(text: string) {
      written[name] += text;
    },
  });
  const io: Io = {
    stdout: output('stdout'),
    stderr: output('stderr'),
    env: world.env ?? { SNAPCOMMIT_STATE_DIR: '/state' },
    cwd: '/work',
    program: ['/usr/bin/node', '/usr/local/bin/snapcommit'],
    readStdin: () => world.stdin ?? '',
    onStop(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const stop = (signal: StopSignal): void => {
    for (const listener of listeners) listener(signal);
  };
  const noted =
    <T>(method: string, answer: T) =>
    async (...args: readonly unknown[]): Promise<T> => {
      calls.push({ method, args });
      return Promise.resolve(answer);
    };
  const openers: Openers = {
    openNode: async (options) => {
      opened.push(options);
      world.onOpen?.(options, stop);
      return Promise.resolve(fakeNode(calls, world.node ?? {}));
    },
    initNode: noted('initNode', { cluster: 'c1', node: 'n1', stateDirectory: '/state' }),
    rebuildNode: noted('rebuildNode', REBUILD),
    doctor: noted('doctor', [{ check: 'node', result: 'ok' as const, message: 'v20', advice: null }]),
    runDaemon: noted('runDaemon', { node: 'n1', stopped: 'SIGTERM' }),
    openCluster: async (options) => {
      calls.push({ method: 'openCluster', args: [options] });
      return Promise.resolve(fakeCluster(calls, world.cluster ?? {}));
    },
    initCluster: noted('initCluster', {
      stateDirectory: '/state',
      cluster: 'c1',
      node: 'n1',
      address: '10.0.0.1:7420',
    }),
    joinCluster: noted('joinCluster', {
      stateDirectory: '/state',
      cluster: 'c1',
      node: 'n2',
      address: '10.0.0.2:7420',
      members: ['n1'],
    }),
    recoveryPreview: noted('recoveryPreview', PREVIEW),
    recoverCluster: noted('recoverCluster', { ...PREVIEW, lastSlot: 42, incarnation: 2 }),
    installUnits: noted('installUnits', UNITS),
    thaw: noted('thaw', [{ cgroup: '/app', result: 'thawed' as const, reason: null }]),
    ...world.openers,
  };
  const status = await main(argv, io, openers);
  if (listeners.size > 0) throw new Error('a signal handler was left behind');
  return { status, ...written, calls, opened };
}
