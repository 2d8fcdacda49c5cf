// A state directory for warming up: what a command compiles there it finds compiled when somebody runs it.
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
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
    const built = { main, libraryOpeners };
    const run = (...command) => runQuietly(built, state, command);
    await run('init', '--node', 'warm-up');
    await run('volume', 'add', 'v', '--source', source, '--driver', 'directory');
    await run('group', 'create', 'app', '--volume', 'v');
    const changes = [...COMMANDS.change];
    if (frozen !== null) {
      const cgroup = frozen.slice(cgroupMount().length);
      await run('group', 'create', 'frozen', '--volume', 'v', '--freeze-cgroup', cgroup);
      changes.push(['commit', 'frozen']);
    }
    if (await createHooked(built, state, directory)) changes.push(['commit', 'hooked']);
    // A commit comes last: after it nothing has to be applied to what is read.
    for (const command of changes) await run(...command);
    await use(async (commandLine, kind) => {
      for (const command of kind === 'change' ? changes : COMMANDS[kind]) await runQuietly(commandLine, state, command);
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

/** A group with a program to run, for the code that runs programs. False where this directory is no place for a hook. */
async function createHooked(commandLine, state, directory) {
  const hook = join(directory, 'hook');
  writeFileSync(hook, '#!/bin/sh\n', { mode: 0o755 });
  const create = ['group', 'create', 'hooked', '--volume', 'v', '--pre-hook', hook, '--post-hook', hook];
  return (await statusOf(commandLine, state, create)) === 0;
}

async function runQuietly(commandLine, state, command) {
  const status = await statusOf(commandLine, state, command);
  if (status !== 0)
    throw new Error(`snapcommit ${command.join(' ')} ended with ${String(status)} while the bundle was made`);
}

function statusOf({ main, libraryOpeners: openers }, state, command) {
  const silent = { isTTY: false, columns: 0, write: () => undefined };
  const io = { stdout: silent, stderr: silent, env: {}, cwd: root, onStop: () => () => undefined };
  return main(['--state-dir', state, ...command], io, openers);
}
