/**
 * A process that sleeps uninterruptibly, so that its cgroup never freezes: it writes to a filesystem (ext4 in a file on
 * a loop device) whose writes are suspended with fsfreeze.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { TestCgroup } from './cgroups.js';
import { temporaryDirectory } from './temp.js';
import { until } from './until.js';

/** Resolves when the process waits in state D in that cgroup; `inherit` is a descriptor for it. The end of the test lets it go. */
export async function makeStuckWriter(t: Test, cgroup: TestCgroup, inherit?: number): Promise<ChildProcess> {
  const directory = temporaryDirectory(t);
  const image = join(directory, 'image');
  const mount = join(directory, 'mount');
  mkdirSync(mount);
  execFileSync('/usr/bin/truncate', ['-s', '8M', image]);
  execFileSync('/usr/sbin/mkfs.ext4', ['-q', image]);
  execFileSync('/usr/bin/mount', ['-o', 'loop', image, mount]);
  t.teardown(() => {
    execFileSync('/usr/bin/umount', ['--lazy', mount]);
  });
  execFileSync('/usr/sbin/fsfreeze', ['--freeze', mount]);
  t.teardown(() => {
    execFileSync('/usr/sbin/fsfreeze', ['--unfreeze', mount]);
  });
  const stdio = ['ignore', 'ignore', 'ignore', ...(inherit === undefined ? [] : [inherit])] as const;
  const child = spawn('/usr/bin/touch', [join(mount, 'file')], { stdio: [...stdio] });
  await once(child, 'spawn');
  cgroup.add(child.pid ?? 0);
  const stat = `/proc/${String(child.pid)}/stat`;
  await until('the writer waits for the disk', () => readFileSync(stat, 'utf8').includes(' D '));
  return child;
}
