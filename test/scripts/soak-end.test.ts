// test-timeout-seconds: 300
/** A soak that is told to end, or whose starter is gone, takes away what it has made: nobody is there to do it later. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { cgroupMount, ended } from '../support/cgroups.js';
import { requireBtrfs, requireCgroups, requireCommand } from '../support/requirements.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';

requireBtrfs(t);
requireCgroups(t);
requireCommand(t, 'nft');

const CHECKOUT = join(import.meta.dirname, '..', '..', '..');
const SUPERVISE = `
  import { supervise } from '${CHECKOUT}/scripts/lib/compiled.mjs';
  await supervise(process.argv[1], ['--minutes', '1']);
`;

interface Running {
  /** What was started: the supervisor, or a shell as npm's that runs it. */
  readonly starter: ChildProcess;
  /** The soak itself. */
  readonly pid: number;
  /** Everything that it makes bears its number or lies here. */
  readonly directory: string;
}

async function startSoak(t: Test, room: 'hosts' | 'cluster', shell: boolean): Promise<Running> {
  const directory = temporaryDirectory(t, 'end');
  const program = join(CHECKOUT, 'build', 'test', room, room === 'hosts' ? 'soak-hosts-process.js' : 'soak-process.js');
  const words = [process.execPath, '--input-type=module', '-e', SUPERVISE, program];
  const [file = '', ...args] = shell ? ['/bin/sh', '-c', '"$@"; true', 'sh', ...words] : words;
  const starter = spawn(file, args, {
    env: { ...process.env, TMPDIR: directory, npm_lifecycle_event: 'soak' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const supervisor = async (): Promise<number> => (shell ? onlyChildOf(starter.pid ?? 0) : (starter.pid ?? 0));
  const pid = await onlyChildOf(await supervisor());
  t.teardown(() => starter.kill('SIGKILL'));
  return { starter, pid, directory };
}

async function onlyChildOf(pid: number): Promise<number> {
  const file = `/proc/${String(pid)}/task/${String(pid)}/children`;
  let child = 0;
  await until(`${String(pid)} starts what it runs`, () => {
    child = Number(readFileSync(file, 'utf8').split(' ')[0]);
    return child > 0;
  });
  return child;
}

/** Of the soak: namespaces, cgroups, mounts and loop devices, and what runs in it. */
function madeBy({ pid, directory }: Running): readonly string[] {
  const number = String(pid);
  const namespaces = namesIn('/run/netns').filter((name) => name.startsWith(`sc${number}-`));
  const cgroups = namesIn(cgroupMount()).filter((name) => name.startsWith(`snapcommit-test-${number}-`));
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .flatMap((line) => line.split(' ')[4] ?? [])
    .filter((point) => point.startsWith(directory));
  const loops = namesIn('/sys/block').filter((name) => backingFile(name).startsWith(directory));
  const files = namesIn(directory).map((name) => join(directory, name));
  const processes = namesIn('/proc').filter(
    (name) => /^\d+$/.test(name) && stateDirectoryOf(name).startsWith(directory),
  );
  return [...namespaces, ...cgroups, ...mounts, ...loops, ...files, ...processes];
}

function namesIn(directory: string): readonly string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

function backingFile(loop: string): string {
  return textOf(join('/sys/block', loop, 'loop', 'backing_file'));
}

function stateDirectoryOf(process: string): string {
  return (
    /^SNAPCOMMIT_STATE_DIR=(.*)$/m.exec(textOf(join('/proc', process, 'environ')).replaceAll('\0', '\n'))?.[1] ?? ''
  );
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** It has made namespaces and disks, and its first daemon runs. */
async function isUnderWay(running: Running): Promise<void> {
  const { pid, directory } = running;
  await until('the soak is under way', () => {
    const made = madeBy(running);
    const isThere = (sort: RegExp): boolean => made.some((name) => sort.test(name));
    return isThere(new RegExp(`^sc${String(pid)}-`)) && isThere(/^loop/) && isThere(/^\d+$/) && isThere(/^\/.*img|n0$/);
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}; in ${directory}: ${madeBy(running).join(', ')}`);
  });
}

async function leavesNothing(t: Test, running: Running): Promise<void> {
  await until('the soak has ended', () => !existsSync(`/proc/${String(running.pid)}`));
  // A loop device detaches a moment after its last user.
  await until('nothing is left', () => madeBy(running).length === 0).catch(() => undefined);
  t.strictSame(madeBy(running), []);
}

await t.test('told to end, and told again while it cleans up', async (t) => {
  const running = await startSoak(t, 'hosts', false);
  await isUnderWay(running);
  const again = setInterval(() => running.starter.kill('SIGINT'), 50);
  await ended(running.starter);
  clearInterval(again);
  await leavesNothing(t, running);
});

await t.test('its starter is killed', async (t) => {
  const running = await startSoak(t, 'cluster', false);
  await isUnderWay(running);
  running.starter.kill('SIGKILL');
  await leavesNothing(t, running);
});

await t.test('npm’s shell, which tells nobody, is told to end', async (t) => {
  const running = await startSoak(t, 'hosts', true);
  await isUnderWay(running);
  running.starter.kill('SIGTERM');
  await leavesNothing(t, running);
});
