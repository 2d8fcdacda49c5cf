/**
 * Real cgroups for tests, with real processes in them. Everything that is made here is thawed, ended and removed when
 * the test ends, however it ends.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import type { Test } from 'tap';
import { atEnd } from './at-end.js';
import { until } from './until.js';

export interface TestCgroup {
  /** Below the mount, as a group names it. */
  readonly cgroup: string;
  readonly directory: string;
  /** What was asked for: the content of cgroup.freeze. */
  requested(): boolean;
  /** What is: `frozen 1` in cgroup.events. */
  frozen(): boolean;
  freezeByHand(): void;
  thawByHand(): void;
  /** Starts a process and puts it in; it is in when this resolves. */
  start(file: string, ...args: readonly string[]): Promise<ChildProcess>;
  /** Puts a process in. */
  add(pid: number): void;
  /** Ends what runs in it and removes it; at the end of the test this is done anyway. */
  remove(): Promise<void>;
  /** Makes it again under the same path. */
  recreate(): void;
}

let made = 0;

/** Where cgroup2 is mounted; the test file has called requireCgroups. */
export function cgroupMount(): string {
  const line = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find((each) => each.includes(' - cgroup2 '));
  const mount = line?.split(' ')[4];
  if (mount === undefined) throw new Error('no cgroup2 hierarchy is mounted');
  return mount;
}

/** A new, empty cgroup; below `parent` where one is given. */
export function makeCgroup(t: Pick<Test, 'teardown'>, parent?: TestCgroup): TestCgroup {
  made += 1;
  const cgroup = `${parent?.cgroup ?? ''}/snapcommit-test-${String(process.pid)}-${String(made)}`;
  const directory = cgroupMount() + cgroup;
  mkdirSync(directory);
  const children: ChildProcess[] = [];
  const write = (file: string, text: string): void => {
    writeFileSync(`${directory}/${file}`, text);
  };
  const read = (file: string): string => readFileSync(`${directory}/${file}`, 'utf8');
  const remove = async (): Promise<void> => {
    write('cgroup.freeze', '0');
    write('cgroup.kill', '1');
    await until(`${cgroup} is empty`, () => /^populated 0$/m.test(read('cgroup.events')));
    await Promise.all(children.map(ended));
    rmdirSync(directory);
  };
  const removeAtOnce = atEnd(() => {
    for (const left of children) left.kill('SIGKILL');
    for (let tries = 0; tries < 200 && !isRemoved(directory); tries += 1) pause();
  });
  t.teardown(async () => {
    try {
      await remove();
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    removeAtOnce();
  });
  return {
    cgroup,
    directory,
    requested: () => read('cgroup.freeze').trim() === '1',
    frozen: () => /^frozen 1$/m.test(read('cgroup.events')),
    freezeByHand: () => {
      write('cgroup.freeze', '1');
    },
    thawByHand: () => {
      write('cgroup.freeze', '0');
    },
    start: async (file, ...args) => {
      const child = spawn(file, args, { stdio: ['pipe', 'ignore', 'ignore'] });
      children.push(child);
      await once(child, 'spawn');
      write('cgroup.procs', String(child.pid));
      return child;
    },
    add: (pid) => {
      write('cgroup.procs', String(pid));
    },
    remove,
    recreate: () => {
      mkdirSync(directory);
    },
  };
}

/** Resolves when the child has ended. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

function isRemoved(directory: string): boolean {
  try {
    writeFileSync(`${directory}/cgroup.kill`, '1');
    rmdirSync(directory);
    return true;
  } catch (error) {
    return isMissing(error);
  }
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 25);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
