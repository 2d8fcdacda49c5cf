/**
 * From what the user declared (cgroup paths, systemd units) to freeze targets, with everything refused whose freezing
 * would stop ourselves, our guard, our hooks, or the machine.
 */
import { accessSync, constants, existsSync, realpathSync } from 'node:fs';
import { SnapcommitError } from '../../errors.js';
import type { CommandRunner } from '../../ports/commands.js';
import type { FreezeTarget } from '../../ports/writers.js';
import { cgroupInode } from './cgroup-files.js';
import { cgroupDirectory, cgroupOf, findCgroupMount, type CgroupMount } from './mount.js';

const SYSTEMCTL = '/usr/bin/systemctl';
const OUTSIDE = 'the commit, its guard and its hooks would stop too; run snapcommit outside of it';
const DAEMON_OUTSIDE = 'the log would stop too, and the commit with it; run the daemon outside of it';

/** See Writers.resolve. A cgroup that is declared twice comes out once. */
export async function resolveTargets(
  runner: CommandRunner,
  daemons: () => readonly number[],
  cgroups: readonly string[],
  units: readonly string[],
): Promise<readonly FreezeTarget[]> {
  if (cgroups.length === 0 && units.length === 0) return [];
  const mount = findCgroupMount();
  const ours = oursIn(mount, daemons());
  const byCgroup = new Map<string, FreezeTarget>();
  const add = (declared: string, path: string): void => {
    const cgroup = checkedCgroup(mount, ours, declared, path);
    if (!byCgroup.has(cgroup)) byCgroup.set(cgroup, { cgroup, declared });
  };
  for (const declared of cgroups) add(declared, belowMount(mount, declared));
  for (const unit of units) add(unit, await unitCgroup(runner, unit));
  return [...byCgroup.values()];
}

/** Accepts `/app/writers` as well as `/sys/fs/cgroup/app/writers`. */
function belowMount(mount: CgroupMount, declared: string): string {
  const { mountPoint } = mount;
  const inside = declared === mountPoint || declared.startsWith(`${mountPoint}/`);
  return inside ? declared.slice(mountPoint.length) || '/' : declared;
}

async function unitCgroup(runner: CommandRunner, unit: string): Promise<string> {
  if (!/^[A-Za-z0-9@:_.\\-]+\.(service|slice|scope)$/.test(unit) || unit.startsWith('-')) {
    throw invalid(unit, 'is not the name of a service, slice or scope; write it in full, such as app.service');
  }
  const result = await runner.run(SYSTEMCTL, ['show', '-p', 'ControlGroup', '--value', '--', unit], {
    timeoutMs: 10_000,
  });
  const path = result.stdout.trim();
  if (result.status !== 0) {
    throw invalid(unit, `cannot be asked for: systemctl says ${result.stderr.trim().slice(0, 500) || 'nothing'}`);
  }
  if (path === '') throw invalid(unit, 'has no cgroup now; start the unit, or take it out of the group');
  return path;
}

function checkedCgroup(mount: CgroupMount, ours: readonly Ours[], declared: string, path: string): string {
  const cgroup = normalized(declared, path);
  const directory = cgroupDirectory(mount, cgroup);
  if (cgroup === '/') throw invalid(declared, "is the root of all cgroups; name the writers' own cgroup");
  if (cgroupInode(directory) === null) {
    throw invalid(declared, `does not exist (looked at ${directory}); name a cgroup below ${mount.mountPoint}`);
  }
  if (realpathSync(directory) !== directory) throw invalid(declared, 'leads through a symlink; name the cgroup itself');
  refuseOurs(ours, declared, cgroup);
  refuseUnfreezable(declared, directory);
  return cgroup;
}

function normalized(declared: string, path: string): string {
  const cgroup = path.length > 1 ? path.replace(/\/$/, '') : path;
  if (!cgroup.startsWith('/') || cgroup.includes('\0'))
    throw invalid(declared, 'is not an absolute path, such as /app/writers');
  const parts = cgroup.slice(1).split('/');
  if (cgroup !== '/' && parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw invalid(declared, 'holds an empty part, "." or ".."; write the path out');
  }
  return cgroup;
}

interface Ours {
  readonly cgroup: string;
  readonly what: string;
  readonly advice: string;
}

/** The guard and the hooks live in our own cgroup: one test covers all three. */
function oursIn(mount: CgroupMount, daemons: readonly number[]): readonly Ours[] {
  const own = { process: 'self', what: 'this command runs', advice: OUTSIDE } as const;
  const all = [
    own,
    ...daemons.map((pid) => ({
      process: pid,
      what: `this node's daemon (pid ${String(pid)}) runs`,
      advice: DAEMON_OUTSIDE,
    })),
  ];
  return all.flatMap(({ process, what, advice }) => {
    const cgroup = cgroupOf(mount, process);
    return cgroup === null ? [] : [{ cgroup, what, advice }];
  });
}

function refuseOurs(ours: readonly Ours[], declared: string, frozen: string): void {
  for (const { cgroup, what, advice } of ours) {
    if (cgroup === frozen) throw invalid(declared, `is the cgroup in which ${what}: ${advice}`);
    if (cgroup.startsWith(`${frozen}/`)) throw invalid(declared, `holds the cgroup in which ${what}: ${advice}`);
  }
}

function refuseUnfreezable(declared: string, directory: string): void {
  const file = `${directory}/cgroup.freeze`;
  if (!existsSync(file)) throw invalid(declared, 'is no cgroup with a freezer (cgroup v2, Linux 5.2 or newer)');
  try {
    accessSync(file, constants.R_OK | constants.W_OK);
  } catch (cause) {
    const message = `${file} may not be written by this user; run as root, or have the cgroup delegated`;
    throw new SnapcommitError('DENIED', message, { declared }, cause);
  }
}

function invalid(declared: string, what: string): SnapcommitError {
  return new SnapcommitError('CGROUP_INVALID', `the freeze target "${declared}" ${what}`, { declared });
}
