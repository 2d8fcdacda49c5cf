// Running the tools that build and start guests: what they said is shown when they fail, and only then.
import { ensurePackages } from '../bootstrap.mjs';
import { run } from '../lib/run.mjs';

/** What the rig needs of Debian on this machine. */
const PACKAGES = [
  { name: 'qemu-system-x86', command: 'qemu-system-x86_64' },
  { name: 'qemu-utils', command: 'qemu-img' },
  { name: 'nbdkit', command: 'nbdkit' },
  { name: 'mmdebstrap', command: 'mmdebstrap' },
  { name: 'e2fsprogs', command: 'mke2fs' },
  { name: 'zstd', command: 'zstd' },
  { name: 'openssh-client', command: 'ssh' },
  { name: 'util-linux', command: 'setpriv' },
];

export class RigError extends Error {}

export function ensureTools() {
  ensurePackages(PACKAGES, true);
}

export function say(text) {
  process.stderr.write(`vm: ${text}\n`);
}

/**
 * Runs a tool to its end; returns what it wrote to stdout.
 * @param {string} command @param {readonly string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, timeoutMs?: number }} options
 */
export async function tool(command, args, options = {}) {
  const env = { ...process.env, LC_ALL: 'C', ...options.env };
  const result = await run(command, args, { ...options, env, cwd: '/' });
  if (result.status === 0) return result.stdout;
  const how = result.timedOut ? 'ran into its time limit' : `ended with ${String(result.status ?? result.signal)}`;
  throw new RigError(`${command} ${args.join(' ')} ${how}:\n${result.output.trimEnd()}`);
}
