// Running child processes to their end: argument arrays, never a shell; a whole process group is ended at a time limit.
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { root } from './files.mjs';

/**
 * Runs `command` in its own process group and collects what it prints.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, timeoutMs?: number, onOutput?: (text: string) => void }} options
 * @returns {Promise<{ status: number | null, signal: string | null, output: string, stdout: string, seconds: number,
 *   timedOut: boolean, leftProcesses: boolean }>} `output` has stdout and stderr as they came
 */
export function run(command, args, options = {}) {
  const started = process.hrtime.bigint();
  const child = spawn(command, args, {
    cwd: options.cwd ?? root,
    env: options.env ?? process.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  running.add(child.pid);
  let output = '';
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
    output += text;
    options.onOutput?.(text);
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    output += text;
    options.onOutput?.(text);
  });

  let timedOut = false;
  let drain;
  const limit = options.timeoutMs === undefined ? undefined : setTimeout(onLimit, options.timeoutMs);
  function onLimit() {
    timedOut = true;
    signalGroup(child.pid, 'SIGTERM');
    setTimeout(() => signalGroup(child.pid, 'SIGKILL'), 10_000).unref();
  }

  return new Promise((resolve) => {
    let leftProcesses = false;
    let exit = { status: null, signal: null };
    child.on('error', (error) => {
      clearTimeout(limit);
      running.delete(child.pid);
      resolve(result({ status: 127, signal: null }, `${error.message}\n`));
    });
    child.on('exit', (status, signal) => {
      clearTimeout(limit);
      exit = { status, signal };
      // What the child left in its group would keep our pipes open for ever.
      leftProcesses = signalGroup(child.pid, 0) && isAnyAlive(child.pid);
      if (leftProcesses) signalGroup(child.pid, 'SIGKILL');
      // A process that moved to another session may hold the pipes as well: do not wait for it.
      drain = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, 2_000);
    });
    child.on('close', () => {
      clearTimeout(drain);
      running.delete(child.pid);
      resolve(result(exit, ''));
    });
    function result({ status, signal }, more) {
      const seconds = Number(process.hrtime.bigint() - started) / 1e9;
      return { status, signal, output: output + more, stdout, seconds, timedOut, leftProcesses };
    }
  });
}

/** Sends a signal to a process group; 0 only asks whether it has members. */
function signalGroup(pid, signal) {
  if (pid === undefined) return false;
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** Whether somebody of the group still runs: those that have ended and wait for init to take note do not count. */
function isAnyAlive(group) {
  return readdirSync('/proc').some((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const [state, , processGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return Number(processGroup) === group && state !== 'Z' && state !== 'X';
    } catch {
      return false;
    }
  });
}

const running = new Set();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    for (const pid of running) signalGroup(pid, 'SIGTERM');
    setTimeout(() => {
      for (const pid of running) signalGroup(pid, 'SIGKILL');
      process.exit(signal === 'SIGINT' ? 130 : 143);
    }, 3_000).unref();
    const poll = setInterval(() => {
      if (running.size > 0) return;
      clearInterval(poll);
      process.exit(signal === 'SIGINT' ? 130 : 143);
    }, 50);
  });
}

/** Runs `work` over `items`, at most `jobs` at a time. */
export async function inParallel(items, jobs, work) {
  const queue = [...items];
  const worker = async (number) => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item, number);
  };
  await Promise.all(Array.from({ length: Math.min(jobs, items.length) }, (_, number) => worker(number)));
}
