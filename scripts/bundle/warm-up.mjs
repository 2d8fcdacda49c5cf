// A state directory for warming up: what a command compiles there it finds compiled when somebody runs it.
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { libraryOpeners, main } from '../../dist/cli/main.js';
import { root } from '../lib/files.mjs';
import { cgroupMount } from '../lib/system.mjs';

/** The commands that must be quick, by whose compiled code they use. */
const COMMANDS = {
  read: [['status'], ['open', 'app']],
  change: [['commit', 'app']],
};

/** Calls `use` with what runs the commands of a kind through a command line (the exports of cli/main); they are gone after it. */
export async function withWarmUp(use) {
  const directory = mkdtempSync(join(tmpdir(), 'snapcommit-bundle-'));
  const frozen = makeCgroup();
  try {
    const state = join(directory, 'state');
    const source = join(directory, 'source');
    mkdirSync(source);
    const setUp = [
      ['init', '--node', 'warm-up'],
      ['volume', 'add', 'v', '--source', source, '--driver', 'directory'],
      ['group', 'create', 'app', '--volume', 'v'],
      ['commit', 'app'],
    ];
    if (frozen !== null) {
      const cgroup = frozen.slice(cgroupMount().length);
      setUp.push(['group', 'create', 'frozen', '--volume', 'v', '--freeze-cgroup', cgroup], ['commit', 'frozen']);
    }
    for (const command of setUp) await runQuietly({ main, libraryOpeners }, state, command);
    await use(async (commandLine, kind) => {
      const alsoFrozen = kind === 'change' && frozen !== null ? [['commit', 'frozen']] : [];
      for (const command of [...COMMANDS[kind], ...alsoFrozen]) await runQuietly(commandLine, state, command);
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
    if (frozen !== null) rmdirSync(frozen);
  }
}

/** An empty cgroup to freeze, as writers wait for that code; null where this user may make none. */
function makeCgroup() {
  try {
    const directory = join(cgroupMount(), `snapcommit-bundle-${String(process.pid)}`);
    mkdirSync(directory);
    return directory;
  } catch {
    return null;
  }
}

async function runQuietly({ main, libraryOpeners: openers }, state, command) {
  const silent = { isTTY: false, columns: 0, write: () => undefined };
  const io = { stdout: silent, stderr: silent, env: {}, cwd: root, onStop: () => () => undefined };
  const status = await main(['--state-dir', state, ...command], io, openers);
  if (status !== 0)
    throw new Error(`snapcommit ${command.join(' ')} ended with ${String(status)} while the bundle was made`);
}
