/** A node that answers canned documents and notes what it was asked, and a world to run the command line in. */
import type { Openers } from '#src/cli/openers.js';
import { main } from '#src/cli/main.js';
import type { Io, StopSignal } from '#src/cli/io.js';
import type { ClusterClient, NodeOptions, SnapcommitNode } from '#src/index.js';
import {
  CLUSTER,
  DRAINED,
  DRY_RUN,
  GENERATION,
  GROUP,
  PREVIEW,
  REBUILD,
  TOKEN,
  TRANSACTION,
  TREE,
  UNITS,
  VOLUME,
} from './fake-answers.js';

export interface Call {
  readonly method: string;
  readonly args: readonly unknown[];
}

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
  /** What writing to stdout fails with. */
  readonly stdoutFails?: Error;
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
      if (name === 'stdout' && world.stdoutFails !== undefined) throw world.stdoutFails;
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
