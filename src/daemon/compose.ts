/**
 * The composition root: the only place that joins adapters to the rest. Adapters are imported when they are first
 * asked for, so that a command pays only for what it uses.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { systemClock } from '../adapters/clock-system.js';
import { systemTimers } from '../adapters/timers-system.js';
import { directFiles, nodeFiles } from '../adapters/node-files.js';
import { SnapcommitError } from '../errors.js';
import type { DriverName } from '../machine/entry.js';
import { nameProblem, isName } from '../machine/names.js';
import type { Context, Progress, Settings } from '../participant/context.js';
import { currentProcess } from '../participant/process-identity.js';
import { DEFAULT_SETTINGS } from '../participant/settings.js';
import type { ReplicatedLog } from '../ports/log.js';
import type { Participant } from '../ports/participant.js';
import type { VolumeDriver } from '../ports/volume-driver.js';
import type { Thawed, Writers } from '../ports/writers.js';
import type { Asker, ClusterAccess } from './participants/asker.js';
import type { RemoteParticipants } from './participants/remote-participant.js';
import { LocalNode } from './local-node.js';
import type { SnapcommitNode } from './node.js';
import { DEFAULT_MEMBER_SETTINGS, type MemberSettings } from './settings.js';
import type { RebuildRequest } from './rebuild/index.js';
import type { RebuildReport } from './reports.js';
import { assertOurs, lockDirectory, logDirectory, makeStateDirectory } from './state-directory.js';

export interface NodeOptions {
  /** Absolute path. */
  readonly stateDirectory: string;
  readonly settings?: Partial<Settings & MemberSettings>;
  /** Hears of phases and warnings. */
  readonly report?: (progress: Progress) => void;
  /** For the whole command, from now on. Work that may not be left half done takes a little longer. null: no limit. */
  readonly timeoutMs?: number | null;
  /** Reads answer from what this node knows where a majority cannot be asked; `freshness` tells. */
  readonly stale?: boolean;
}

/** Opens this machine's node: with its embedded log, or through the daemon of a cluster's member. Call `close` when done. */
export async function openNode(options: NodeOptions): Promise<SnapcommitNode> {
  const { context, cluster } = await openContext(options);
  return new LocalNode(context, cluster === null ? null : await openParticipants(cluster));
}

async function openContext(
  options: NodeOptions,
): Promise<{ readonly context: Context; readonly cluster: ClusterAccess | null }> {
  const { stateDirectory, settings, timeoutMs } = options;
  await assertOurs(stateDirectory);
  const { openLog } = await import('./open-log.js');
  const { log, cluster } = await openLog({
    stateDirectory,
    clock: systemClock,
    logTimeoutMs: settings?.logTimeoutMs ?? DEFAULT_MEMBER_SETTINGS.logTimeoutMs,
    commandTimeoutMs: timeoutMs ?? null,
    stale: options.stale ?? false,
  });
  const report = options.report ?? (() => undefined);
  const told =
    cluster === null ? report : (await import('./participants/phase-teller.js')).tellingPhases(cluster, report);
  return { context: contextOver(log, { ...options, report: told }, cluster), cluster };
}

/**
 * What coordinator and participant work with, over a log that is open. `cluster` null: there is no other node. `play`: who
 * plays this node's part, where it is not made here.
 */
export function contextOver(
  log: ReplicatedLog,
  options: NodeOptions,
  cluster: Asker | null = null,
  play: ((context: Context) => Participant) | null = null,
): Context {
  const { stateDirectory } = options;
  const runner = once(async () => (await import('../adapters/command-runner/index.js')).createCommandRunner());
  const others = once(async () => (cluster === null ? null : openParticipants(cluster)));
  const own = once(async () => play?.(context) ?? openOwn(context));
  const context: Context = {
    stateDirectory,
    log,
    // A node by itself waits for each of them anyway; a member's process serves others meanwhile.
    files: cluster === null ? directFiles : nodeFiles,
    clock: systemClock,
    timers: systemTimers,
    random: { bytes: (count) => randomBytes(count) },
    settings: { ...DEFAULT_SETTINGS, ...options.settings },
    self: currentProcess(log.identity.node),
    driver: openDriver,
    writers: once(async () => openWriters(stateDirectory)),
    locks: once(async () =>
      (await import('../adapters/locks-flock/index.js')).createFlockLocks(lockDirectory(stateDirectory)),
    ),
    runner,
    hooks: once(async () => (await import('../adapters/command-runner/index.js')).createHooks(await runner())),
    sandbox: once(async () => (await import('../adapters/sandbox/index.js')).createSandbox()),
    treeUsers: once(async () => (await import('../adapters/tree-users/index.js')).createTreeUsers()),
    participant: async (node) => (node === log.identity.node ? own() : ((await others())?.of(node) ?? elsewhere(node))),
    report: options.report ?? (() => undefined),
  };
  return context;
}

async function openOwn(context: Context): Promise<Participant> {
  return new (await import('../participant/local-participant.js')).LocalParticipant(context);
}

async function openParticipants(cluster: Asker): Promise<RemoteParticipants> {
  return new (await import('./participants/remote-participant.js')).RemoteParticipants(cluster);
}

/** Only a cluster has other nodes. */
async function elsewhere(node: string): Promise<Participant> {
  return Promise.reject(
    new SnapcommitError('UNSUPPORTED', `node ${node} is another machine, and this log belongs to no cluster.`, {
      node,
    }),
  );
}

const drivers = new Map<DriverName, Promise<VolumeDriver>>();

async function openDriver(name: DriverName): Promise<VolumeDriver> {
  const known = drivers.get(name) ?? loadDriver(name);
  drivers.set(name, known);
  return known;
}

async function loadDriver(name: DriverName): Promise<VolumeDriver> {
  switch (name) {
    case 'btrfs':
      return (await import('../adapters/driver-btrfs/index.js')).createBtrfsDriver();
    case 'directory':
      return (await import('../adapters/driver-directory/index.js')).createDirectoryDriver();
    case 'zfs': {
      const { createCommandRunner } = await import('../adapters/command-runner/index.js');
      return (await import('../adapters/driver-zfs/index.js')).createZfsDriver(
        createCommandRunner({ keepsLocks: true }),
      );
    }
    case 'memory':
      throw new SnapcommitError(
        'DRIVER_UNKNOWN',
        `driver ${name} is not available here; btrfs, zfs and directory are.`,
        {
          driver: name,
        },
      );
  }
}

async function openWriters(stateDirectory: string): Promise<Writers> {
  const { createCgroupWriters } = await import('../adapters/freezer-cgroup/index.js');
  const { createCommandRunner } = await import('../adapters/command-runner/index.js');
  const { daemonsIn } = await import('./daemon-lock.js');
  return createCgroupWriters({
    stateDirectory,
    runner: createCommandRunner(),
    daemons: () => daemonsIn(stateDirectory),
  });
}

/** Makes a state directory with a new embedded log. EXISTS when there is one. */
export async function initNode(options: {
  readonly stateDirectory: string;
  readonly node: string;
}): Promise<{ readonly cluster: string; readonly node: string; readonly stateDirectory: string }> {
  const { stateDirectory, node } = options;
  if (!isName(node)) throw new SnapcommitError('NAME_INVALID', nameProblem('node', node), { node });
  await makeStateDirectory(stateDirectory);
  const { initEmbeddedLog } = await import('./embedded-log.js');
  const cluster = randomUUID();
  await initEmbeddedLog(logDirectory(stateDirectory), { cluster, node, incarnation: 1 });
  return { cluster, node, stateDirectory };
}

/** Builds a lost log anew from publish directories or an export; without `acceptLoss` it only tells what it would do. */
export async function rebuildNode(request: RebuildRequest): Promise<RebuildReport> {
  const { rebuild } = await import('./rebuild/index.js');
  return rebuild(request, openDriver);
}

/** Thaws what freeze intents of dead commits name; with `all`, also those of living ones. Needs no log. */
export async function thaw(stateDirectory: string, all: boolean): Promise<readonly Thawed[]> {
  await assertOurs(stateDirectory);
  return (await openWriters(stateDirectory)).thawAll(all);
}

export { doctor } from './doctor.js';

function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | undefined;
  return async () => (loaded ??= load());
}
