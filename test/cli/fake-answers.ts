/** The documents that the fake of the command line's tests answers with. */
import type {
  ClusterStatus,
  DrainReport,
  GenerationReport,
  GroupReport,
  RebuildReport,
  UnitsReport,
  VolumeReport,
  VolumeTreeReport,
} from '#src/index.js';

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

export const REBUILD: RebuildReport = {
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

export const DRAINED: DrainReport = {
  node: 'n2',
  draining: true,
  volumes: ['wal'],
  groups: [],
  transactions: [],
  pendingPublish: ['app@12'],
  pins: [],
};

export const DRY_RUN = {
  group: 'app',
  dryRun: true as const,
  reachableGrade: 'barrier' as const,
  freezes: ['/app/writers'],
  volumes: [{ volume: 'db', source: '/srv/db', driver: 'btrfs', liveId: 'uuid-0' }],
};

export const TRANSACTION = {
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
  clockRefusal: null,
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
      refusal: null,
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
      refusal: null,
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
      refusal: null,
    },
  ],
};

export const PREVIEW = { cluster: 'c1', node: 'n1', lastSlot: 41, decidedSlot: 40, discarded: ['n2', 'n3'] };

export const TOKEN = 'snapcommit-join-1.SECRET';
