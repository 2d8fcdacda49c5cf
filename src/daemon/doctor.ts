/** `doctor`: what this machine has and lacks, what the state directory and the volumes say, and what to do about each. */
import { access, constants, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SnapcommitError } from '../errors.js';
import { checkCluster } from './doctor-cluster.js';
import { checkZfs } from './doctor-zfs.js';
import type { CheckReport } from './reports.js';

/** How long a cluster may take to answer. */
const LOG_WAIT_MS = 3_000;

type Check = (stateDirectory: string) => Promise<CheckReport>;

/** Runs every check; a check that itself fails is a problem of its own. Never rejects. */
export async function doctor(stateDirectory: string): Promise<readonly CheckReport[]> {
  const checks: readonly [name: string, check: Check][] = [
    ['node', checkNode],
    ['kernel', checkKernel],
    ['root', checkRoot],
    ['libbtrfsutil', checkLibbtrfsutil],
    ['zfs', checkZfs],
    ['freezer', checkFreezer],
    ['mounts', checkMounts],
    ['state directory', checkState],
    ['log', checkLog],
    ['cluster', checkCluster],
    ['volumes', checkVolumes],
    ['freezes', checkFreezes],
  ];
  return Promise.all(
    checks.map(async ([name, check]) =>
      check(stateDirectory).catch((error: unknown): CheckReport => {
        const message = error instanceof Error ? error.message : String(error);
        return { check: name, result: 'problem', message, advice: null };
      }),
    ),
  );
}

const ok = (check: string, message: string): CheckReport => ({ check, result: 'ok', message, advice: null });

async function checkNode(): Promise<CheckReport> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isRecent = major > 20 || (major === 20 && minor >= 19);
  const message = `Node.js ${process.versions.node}`;
  return Promise.resolve(
    isRecent
      ? ok('node', message)
      : { check: 'node', result: 'problem', message, advice: 'install Node.js 20.19 or newer' },
  );
}

async function checkKernel(): Promise<CheckReport> {
  const release = (await readFile('/proc/sys/kernel/osrelease', 'utf8')).trim();
  const [major = 0, minor = 0] = release.split(/[.-]/).map(Number);
  if (major > 6 || (major === 6 && minor >= 5)) return ok('kernel', `Linux ${release}`);
  return {
    check: 'kernel',
    result: 'warning',
    message: `Linux ${release}: a volume that is itself a mount point can be captured, but not swapped`,
    advice: 'transact and restore on mount points need Linux 6.5 or newer',
  };
}

async function checkRoot(): Promise<CheckReport> {
  if (process.getuid?.() === 0) return Promise.resolve(ok('root', 'running as root'));
  return Promise.resolve({
    check: 'root',
    result: 'warning',
    message: 'not root: no freezing of writers, and btrfs only on subvolumes of your own',
    advice: 'the directory driver works; run as root for barrier commits',
  });
}

async function checkLibbtrfsutil(): Promise<CheckReport> {
  const { hasLibbtrfsutil } = await import('../native/btrfs.js');
  if (hasLibbtrfsutil()) return ok('libbtrfsutil', 'libbtrfsutil.so.1 can be loaded');
  return {
    check: 'libbtrfsutil',
    result: 'missing',
    message: 'libbtrfsutil.so.1 is not installed, so btrfs volumes cannot be used',
    advice: 'apt-get install libbtrfsutil1 (Debian), libbtrfsutil (Fedora), btrfs-progs (Arch)',
  };
}

async function checkFreezer(): Promise<CheckReport> {
  const line = (await readFile('/proc/self/mountinfo', 'utf8'))
    .split('\n')
    .find((entry) => entry.includes(' - cgroup2 '));
  const mount = line?.split(' ')[4];
  if (mount === undefined) {
    return {
      check: 'freezer',
      result: 'missing',
      message: 'no cgroup v2 is mounted, so writers cannot be frozen',
      advice: 'boot with systemd.unified_cgroup_hierarchy=1, or mount cgroup2',
    };
  }
  const writable = await access(mount, constants.W_OK).then(
    () => true,
    () => false,
  );
  if (writable) return ok('freezer', `cgroup v2 at ${mount}`);
  return {
    check: 'freezer',
    result: 'warning',
    message: `cgroup v2 at ${mount} is not writable`,
    advice: 'run as root to freeze writers',
  };
}

async function checkMounts(): Promise<CheckReport> {
  const { createSandbox } = await import('../adapters/sandbox/index.js');
  const { mounts, reason } = await createSandbox().probe();
  if (mounts !== 'no') return ok('mounts', `private mounts work (${mounts})`);
  return {
    check: 'mounts',
    result: 'warning',
    message: `private mounts do not work: ${reason ?? 'unknown'}`,
    advice: 'exec and transact need --no-mount here',
  };
}

async function checkState(stateDirectory: string): Promise<CheckReport> {
  const { assertOurs } = await import('./state-directory.js');
  try {
    await assertOurs(stateDirectory);
    return ok('state directory', stateDirectory);
  } catch (error) {
    if (!(error instanceof SnapcommitError)) throw error;
    const missing = error.code === 'STATE_NOT_FOUND';
    return {
      check: 'state directory',
      result: missing ? 'warning' : 'problem',
      message: error.message,
      advice: missing ? 'snapcommit init' : null,
    };
  }
}

async function checkLog(stateDirectory: string): Promise<CheckReport> {
  const log = await openLog(stateDirectory);
  if (log === null) return ok('log', 'there is none yet');
  try {
    const rows = await log.scrub();
    return ok('log', `${String(rows)} rows read, every checksum and the hash chain hold`);
  } finally {
    log.close();
  }
}

/** D9 and T11: what each volume's stamp says of this log. */
async function checkVolumes(stateDirectory: string): Promise<CheckReport> {
  const log = await openLog(stateDirectory);
  if (log === null) return ok('volumes', 'there are none yet');
  try {
    const { judgeStamp, readStamp } = await import('../participant/stamps.js');
    const { nodeFiles } = await import('../adapters/node-files.js');
    const state = await log.read();
    const problems: string[] = [];
    for (const { record, forfeited } of Object.values(state.volumes)) {
      if (forfeited || record.node !== log.identity.node) continue;
      if (!(await canRead(record.publishDirectory))) {
        problems.push(`${record.name}: ${record.publishDirectory} cannot be read`);
        continue;
      }
      const stamp = await readStamp(nodeFiles, record.publishDirectory);
      const verdict = judgeStamp(stamp, log.identity, state.applied);
      if (verdict === 'foreign')
        problems.push(`${record.name} was acted on by another log (cluster ${stamp?.cluster ?? ''})`);
      if (verdict === 'ahead') {
        const reached = String(stamp?.slot ?? 0);
        problems.push(
          `${record.name} was acted on at slot ${reached}, but this log ends at ${String(state.applied)}: it is an older copy`,
        );
      }
    }
    if (problems.length === 0)
      return ok('volumes', `${String(Object.keys(state.volumes).length)} volumes, their stamps fit this log`);
    const advice = 'mount what is missing; bring back the newest state directory where the log is behind';
    return { check: 'volumes', result: 'problem', message: problems.join('; '), advice };
  } finally {
    log.close();
  }
}

async function checkFreezes(stateDirectory: string): Promise<CheckReport> {
  const names = await readdir(join(stateDirectory, 'freeze')).catch(() => []);
  const intents = names.filter((name) => name.endsWith('.json'));
  if (intents.length === 0) return ok('freezes', 'nothing is frozen by us');
  return {
    check: 'freezes',
    result: 'warning',
    message: `${String(intents.length)} freeze intents are on disk`,
    advice: 'snapcommit recover thaws what a dead commit left; snapcommit thaw --all thaws everything',
  };
}

/** A cluster's member through its daemon. */
async function openLog(stateDirectory: string) {
  const { systemClock } = await import('../adapters/clock-system.js');
  const open = await import('./open-log.js');
  const options = { logTimeoutMs: LOG_WAIT_MS, commandTimeoutMs: null, stale: false };
  try {
    return (await open.openLog({ stateDirectory, clock: systemClock, ...options })).log;
  } catch (error) {
    if (error instanceof SnapcommitError && error.code === 'STATE_NOT_FOUND') return null;
    throw error;
  }
}

async function canRead(path: string): Promise<boolean> {
  return access(path, constants.R_OK).then(
    () => true,
    () => false,
  );
}
