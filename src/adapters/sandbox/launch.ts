/** Starting the launcher and waiting for what it becomes. Everything that a command needs has been prepared before. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { programFile } from '../../native/program-file.js';
import { SnapcommitError } from '../../errors.js';
import type { SandboxRequest } from '../../ports/sandbox.js';
import { mountMode, UNSHARE, unshareArguments } from './mount-mode.js';
import { codeOf, exitStatus, sendSignal } from './signals.js';
import { CHANNEL_FD, parseReply, type LaunchReply, type LaunchSpecification } from './specification.js';

const LAUNCHER = programFile('adapters/sandbox/launcher-main.js');
/** The launcher needs little; the command gets its own environment from the specification. */
const NODE_OPTIONS = ['--max-old-space-size=32', '--no-warnings'];

export interface LaunchEnd {
  readonly status: number;
  readonly interrupted: boolean;
}

export interface Launch {
  readonly request: SandboxRequest;
  readonly specification: LaunchSpecification;
  /** The command's processes now, the launched one (its pid is given) among them where it still lives. */
  readonly processes: (pid: number) => readonly number[];
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs: number;
}

/** Runs it to its end. Rejects with a SnapcommitError when the command was never started. */
export async function launch(job: Launch): Promise<LaunchEnd> {
  const child = start(job.request);
  const ended = waitForEnd(child);
  const said = converse(child, job.specification);
  const interruption = interruptible(job, child);
  try {
    const [status, reply] = await Promise.all([ended, said]);
    // An interruption may have met the launcher before it could say anything.
    if (interruption.happened()) return { status, interrupted: true };
    requireStarted(reply, job.request.mount);
    return { status, interrupted: false };
  } finally {
    interruption.stop();
  }
}

function start(request: SandboxRequest): ChildProcess {
  const launcher = [process.execPath, ...NODE_OPTIONS, LAUNCHER];
  const words = request.mount ? [UNSHARE, ...unshareArguments(mountMode()), ...launcher] : launcher;
  const [file = UNSHARE, ...args] = words;
  const stdout = request.stdout === 'stderr' ? 2 : 1;
  // CHANNEL_FD is where the pipe stands in this list
  return spawn(file, args, { cwd: '/', env: {}, stdio: [0, stdout, 2, 'pipe', ...request.inheritedFds] });
}

async function waitForEnd(child: ChildProcess): Promise<number> {
  try {
    // `exit` and not `close`: nothing of the command's stdio is ours to wait for
    const [status, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    return exitStatus(status, signal);
  } catch (cause) {
    const missing = codeOf(cause) === 'ENOENT';
    const message = missing ? `${UNSHARE} is missing; install util-linux` : 'the command could not be started';
    throw new SnapcommitError(missing ? 'DEPENDENCY_MISSING' : 'UNAVAILABLE', message, {}, cause);
  }
}

/** Hands the specification over and collects the launcher's answer, until it became the command or ended. */
async function converse(child: ChildProcess, specification: LaunchSpecification): Promise<LaunchReply | null> {
  const channel = child.stdio[CHANNEL_FD];
  if (!(channel instanceof Duplex)) return null;
  let text = '';
  // it may end before it reads everything; then its silence says so
  channel.on('error', () => undefined);
  channel.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8');
  });
  const closed = new Promise<void>((resolve) => {
    channel.once('close', resolve);
  });
  channel.write(`${JSON.stringify(specification)}\n`);
  await closed;
  return parseReply(text);
}

function requireStarted(reply: LaunchReply | null, mount: boolean): void {
  if (reply?.status === 'ready') return;
  if (reply !== null) throw new SnapcommitError(reply.code, reply.message);
  const advice = mount ? 'private mounts do not work here: see snapcommit doctor, or use --no-mount' : 'try again';
  throw new SnapcommitError(mount ? 'UNSUPPORTED' : 'UNAVAILABLE', `the command was not started; ${advice}`);
}

/** On abort: SIGTERM for all of the command's processes, then SIGKILL for what is left after the grace. */
function interruptible(job: Launch, child: ChildProcess): { happened: () => boolean; stop: () => void } {
  let happened = false;
  let grace: NodeJS.Timeout | undefined;
  const signalAll = (signal: NodeJS.Signals): void => {
    if (child.pid === undefined) return;
    // while the launcher has not joined its cgroup, nothing but the child itself names it
    const own = child.exitCode === null && child.signalCode === null ? [child.pid] : [];
    for (const pid of new Set([...own, ...job.processes(child.pid)])) sendSignal(pid, signal);
  };
  const interrupt = (): void => {
    happened = true;
    signalAll('SIGTERM');
    signalAll('SIGCONT');
    grace = setTimeout(() => {
      signalAll('SIGKILL');
    }, job.graceMs);
  };
  job.request.signal?.addEventListener('abort', interrupt, { once: true });
  // the signal may have been given while the child was being started
  if (job.request.signal?.aborted === true) interrupt();
  return {
    happened: () => happened,
    stop: () => {
      clearTimeout(grace);
      job.request.signal?.removeEventListener('abort', interrupt);
    },
  };
}
