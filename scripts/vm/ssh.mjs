// The way into a guest: one ssh connection, over which every command runs.
import { spawn } from 'node:child_process';
import { createReadStream, rmSync } from 'node:fs';
import { RigError } from './tools.mjs';

/** @typedef {{ port: number, key: string, control: string }} Door `control`: the socket of the one connection */

/** How soon a dead guest is noticed by a command that waits for it. */
const ALIVE = ['-o', 'ServerAliveInterval=15', '-o', 'ServerAliveCountMax=8'];

function sshArguments({ port, key, control }) {
  return [
    ...['-F', 'none', '-i', key, '-p', String(port), '-S', control, '-o', 'BatchMode=yes', '-o', 'LogLevel=ERROR'],
    // A guest of our own at an address of our own, with a host key made with its image.
    ...['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'IdentitiesOnly=yes', ...ALIVE],
  ];
}

/** Opens the connection; it lives until the guest or we end. @param {Door} door */
export async function openDoor(door, timeoutMs) {
  const until = Date.now() + timeoutMs;
  for (;;) {
    rmSync(door.control, { force: true });
    const args = [
      '--pdeathsig',
      'KILL',
      'ssh',
      ...sshArguments(door),
      '-M',
      '-N',
      '-o',
      'ConnectTimeout=60',
      'root@127.0.0.1',
    ];
    const master = spawn('setpriv', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    master.stderr.setEncoding('utf8').on('data', (text) => (said += text));
    let hasEnded = false;
    const end = new Promise((resolve) => master.once('exit', resolve)).then(() => (hasEnded = true));
    while (!hasEnded) {
      if (await answers(door)) return master;
      await Promise.race([end, pause(200)]);
    }
    if (Date.now() > until) throw new RigError(`no way into the guest: ${said.trim()}`);
    await pause(500);
  }
}

async function answers(door) {
  const check = spawn('ssh', [...sshArguments(door), '-O', 'check', 'root@127.0.0.1'], { stdio: 'ignore' });
  return (await new Promise((resolve) => check.once('exit', resolve))) === 0;
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * Runs a command in the guest.
 * @param {Door} door @param {readonly string[]} argv
 * @param {{ cwd?: string, env?: Readonly<Record<string, string>>, timeoutSeconds?: number, input?: string | Buffer,
 *   inputFile?: string, inputStream?: import('node:stream').Readable, inherit?: boolean, onOutput?: (text: string) => void }} options
 * @returns {Promise<{ status: number | null, signal: string | null, stdout: string, output: string, bytes: Buffer,
 *   seconds: number, timedOut: boolean }>} status 255 also says that the connection broke
 */
export function runThrough(door, argv, options = {}) {
  const started = process.hrtime.bigint();
  const child = spawn('ssh', [...sshArguments(door), 'root@127.0.0.1', remoteCommand(argv, options)], {
    stdio: options.inherit === true ? 'inherit' : ['pipe', 'pipe', 'pipe'],
  });
  const chunks = [];
  let output = '';
  const hear = (text) => {
    output += text;
    options.onOutput?.(text);
  };
  child.stdout?.on('data', (bytes) => {
    chunks.push(bytes);
    hear(bytes.toString('utf8'));
  });
  child.stderr?.setEncoding('utf8').on('data', hear);
  child.stdin?.on('error', () => undefined);
  const source = options.inputFile === undefined ? options.inputStream : createReadStream(options.inputFile);
  if (source !== undefined) source.pipe(child.stdin);
  else child.stdin?.end(options.input ?? '');
  return new Promise((resolve) => {
    child.on('close', (status, signal) => {
      const bytes = Buffer.concat(chunks);
      const seconds = Number(process.hrtime.bigint() - started) / 1e9;
      const timedOut = options.timeoutSeconds !== undefined && (status === 124 || status === 137);
      resolve({ status, signal, stdout: bytes.toString('utf8'), output, bytes, seconds, timedOut });
    });
  });
}

/** The shell line that runs `argv` in the guest. A time limit is kept there: a killed ssh would not end the command. */
export function remoteCommand(argv, { cwd = '/snapcommit', env = {}, timeoutSeconds } = {}) {
  const limit = timeoutSeconds === undefined ? [] : ['timeout', '-k', '10', String(timeoutSeconds)];
  const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return `cd ${quoted(cwd)} && exec env ${[...settings, ...limit, ...argv].map((word) => quoted(word)).join(' ')}`;
}

function quoted(word) {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
