// Running the tools that build and start guests: what they said is shown when they fail, and only then.
import { ensurePackages } from '../bootstrap.mjs';
import { run } from '../lib/run.mjs';

/** What the rig needs of Debian on this machine: each package, and the command that shows that it is there. */
const COMMANDS = {
  'qemu-system-x86': 'qemu-system-x86_64',
  'qemu-utils': 'qemu-img',
  nbdkit: 'nbdkit',
  mmdebstrap: 'mmdebstrap',
  e2fsprogs: 'mke2fs',
  zstd: 'zstd',
  'openssh-client': 'ssh',
  'util-linux': 'setpriv',
};

export class RigError extends Error {}

export function ensureTools() {
  ensurePackages(
    Object.entries(COMMANDS).map(([name, command]) => ({ name, command })),
    true,
  );
}

export function say(text) {
  process.stderr.write(`vm: ${text}\n`);
}

/**
 * Runs a tool to its end; returns what it wrote to stdout.
 * @param {string} command @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, timeoutMs?: number }} options
 */
export async function tool(command, args, options = {}) {
  const env = { ...process.env, LC_ALL: 'C', ...options.env };
  const result = await run(command, args, { cwd: '/', ...options, env });
  if (result.status === 0) return result.stdout;
  const how = result.timedOut ? 'ran into its time limit' : `ended with ${String(result.status ?? result.signal)}`;
  throw new RigError(`${command} ${args.join(' ')} ${how}:\n${result.output.trimEnd()}`);
}
