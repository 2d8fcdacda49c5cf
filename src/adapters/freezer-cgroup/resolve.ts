/**
 * From what the user declared (cgroup paths, systemd units) to freeze targets, with everything refused whose freezing
 * would stop ourselves, our guard, our hooks, or the machine.
 */
import { accessSync, constants, existsSync, realpathSync } from 'node:fs';
import { SnapcommitError } from '../../errors.js';
import type { CommandRunner } from '../../ports/commands.js';
import type { FreezeTarget } from '../../ports/writers.js';
import { cgroupInode } from './cgroup-files.js';
import { cgroupDirectory, findCgroupMount, ownCgroup, type CgroupMount } from './mount.js';

const SYSTEMCTL = '/usr/bin/systemctl';

/** See Writers.resolve. A cgroup that is declared twice comes out once. */
export async function resolveTargets(
  runner: CommandRunner,
  cgroups: readonly string[],
  units: readonly string[],
): Promise<readonly FreezeTarget[]> {
  if (cgroups.length === 0 && units.length === 0) return [];
  const mount = findCgroupMount();
  const byCgroup = new Map<string, FreezeTarget>();
  const add = (declared: string, path: string): void => {
    const cgroup = checkedCgroup(mount, declared, path);
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

function checkedCgroup(mount: CgroupMount, declared: string, path: string): string {
  const cgroup = normalized(declared, path);
  const directory = cgroupDirectory(mount, cgroup);
  if (cgroup === '/') throw invalid(declared, "is the root of all cgroups; name the writers' own cgroup");
  if (cgroupInode(directory) === null) {
    throw invalid(declared, `does not exist (looked at ${directory}); name a cgroup below ${mount.mountPoint}`);
  }
  if (realpathSync(directory) !== directory) throw invalid(declared, 'leads through a symlink; name the cgroup itself');
  refuseOurs(mount, declared, cgroup);
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

/** The guard and the hooks live in our own cgroup: one test covers all three. */
function refuseOurs(mount: CgroupMount, declared: string, cgroup: string): void {
  const own = ownCgroup(mount);
  if (own === null) return;
  const advice = 'the commit, its guard and its hooks would stop too; run snapcommit outside of it';
  if (own === cgroup) throw invalid(declared, `is the cgroup that this command runs in: ${advice}`);
  if (own.startsWith(`${cgroup}/`)) throw invalid(declared, `holds the cgroup that this command runs in: ${advice}`);
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
