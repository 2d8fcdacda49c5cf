/**
 * Who may write above a live path or a source can put a symlink in its place at any moment, also between a look and a
 * mount: nothing is mounted over what it leads to, and the command sees nothing that it leads to.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { createSandbox } from '#src/adapters/sandbox/index.js';
import { UNSHARE, unshareArguments } from '#src/adapters/sandbox/mount-mode.js';
import { parseReply, type LaunchPlacement, type LaunchSpecification } from '#src/adapters/sandbox/specification.js';
import { requireRoot } from '../support/requirements.js';
import { PLAIN_REQUEST, shell } from '../support/sandboxes.js';
import { temporaryDirectory } from '../support/temp.js';

requireRoot(t);

const LAUNCHER = fileURLToPath(import.meta.resolve('#src/adapters/sandbox/launcher-main.js'));

interface Trees {
  /** The live path, in a directory that is somebody else's. */
  readonly live: string;
  /** Where the live path's directory goes. */
  readonly moved: string;
  /** What that somebody cannot write. */
  readonly system: string;
  readonly snapshot: string;
}

function makeTrees(t: Test): Trees {
  const directory = temporaryDirectory(t);
  const at = (name: string): string => join(directory, name);
  for (const name of ['home/notes', 'system', 'snapshot']) {
    mkdirSync(at(name), { recursive: true });
    writeFileSync(join(at(name), 'file'), `${name}\n`);
  }
  return { live: at('home/notes'), moved: at('home/moved'), system: at('system'), snapshot: at('snapshot') };
}

/**
 * Launches the command as the sandbox does. Once the launcher has opened `path` and looked where that is, `path` becomes
 * `moved`, and a symlink to `system` stands in its place.
 */
async function launchLedAway(
  t: Test,
  path: string,
  { moved, system }: Trees,
  placement: LaunchPlacement,
  script: string,
) {
  const hook = `
    import fs from 'node:fs';
    import { syncBuiltinESMExports } from 'node:module';
    const { readlinkSync } = fs;
    fs.readlinkSync = (...words) => {
      const found = readlinkSync(...words);
      if (found === ${JSON.stringify(path)}) {
        fs.readlinkSync = readlinkSync;
        syncBuiltinESMExports();
        fs.renameSync(found, ${JSON.stringify(moved)});
        fs.symlinkSync(${JSON.stringify(system)}, found);
        fs.writeSync(2, 'led away\\n');
      }
      return found;
    };
    syncBuiltinESMExports();`;
  const specification: LaunchSpecification = {
    cgroupProcs: null,
    mount: true,
    placements: [placement],
    workingDirectory: '/',
    command: shell(script),
    environment: { PATH: '/usr/bin:/bin' },
    inherited: 0,
  };
  const words = [process.execPath, '--import', `data:text/javascript,${encodeURIComponent(hook)}`, LAUNCHER];
  const child = spawn(UNSHARE, [...unshareArguments('root'), ...words], { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
  t.teardown(() => child.kill('SIGKILL'));
  const channel = child.stdio[3];
  if (!(channel instanceof Duplex) || child.stdout === null || child.stderr === null) throw new Error('no pipes');
  channel.write(`${JSON.stringify(specification)}\n`);
  const exited = once(child, 'exit');
  const [said, stdout, stderr] = await Promise.all([text(channel), text(child.stdout), text(child.stderr)]);
  await exited;
  return { reply: parseReply(said), stdout, stderr };
}

for (const readOnly of [true, false]) {
  const kind = readOnly ? 'a read-only' : 'a writable';

  void t.test(`${kind} tree is mounted over what was looked at, wherever its name leads by then`, async (t) => {
    const trees = makeTrees(t);
    const { live, moved, system, snapshot } = trees;
    const placement = { from: snapshot, at: live, readOnly };
    const script = `cat ${system}/file ${moved}/file`;
    const { reply, stdout, stderr } = await launchLedAway(t, live, trees, placement, script);
    t.match(stderr, 'led away');
    t.same(reply, { status: 'ready' });
    t.equal(stdout, 'system\nsnapshot\n', stderr);
  });

  void t.test(`what the command sees of ${kind} tree is what was looked at`, async (t) => {
    const trees = makeTrees(t);
    const { live, system, snapshot } = trees;
    const placement = { from: live, at: snapshot, readOnly };
    const { stdout, stderr } = await launchLedAway(t, live, trees, placement, `cat ${snapshot}/file ${system}/file`);
    t.match(stderr, 'led away');
    t.equal(stdout, 'home/notes\nsystem\n', stderr);
  });
}

void t.test('nothing runs where a directory above a live path or a source is a symlink by now', async (t) => {
  const trees = makeTrees(t);
  const { live, system, snapshot } = trees;
  mkdirSync(join(system, 'below'));
  const led = join(live, 'link', 'below');
  symlinkSync(system, join(live, 'link'));
  for (const [from, at] of [
    [led, snapshot],
    [snapshot, led],
  ] as const) {
    const placement = { from, at, readOnly: true };
    const { reply, stdout } = await launchLedAway(t, 'never', trees, placement, 'echo ran');
    t.match(reply, { status: 'failed', code: 'SOURCE_INVALID', message: /symbolic link to .*system.below/ });
    t.equal(stdout, '');
  }
});

void t.test('a tree is reached through a link of ours, and through no symlink of anybody else’s', async (t) => {
  const { live, moved, system, snapshot } = makeTrees(t);
  const sandbox = createSandbox();
  const request = { ...PLAIN_REQUEST, command: ['/usr/bin/grep', '-q', '^snapshot', join(system, 'file')] };
  const runWith = (from: string) => sandbox.run({ ...request, placements: [{ from, at: system }] });

  const ours = join(live, 'app:1');
  symlinkSync(snapshot, ours);
  t.match(await runWith(ours), { status: 0 });

  symlinkSync('.', moved);
  const led = {
    code: 'SOURCE_INVALID',
    message: /app:1, which .* cannot be reached safely: .* through a symbolic link to /,
  };
  await t.rejects(runWith(join(moved, 'notes', 'app:1')), led, 'the directory around it is led away');

  mkdirSync(join(system, 'below'));
  symlinkSync(system, join(snapshot, 'away'));
  const farther = join(live, 'app:2');
  symlinkSync('../../snapshot/away/below', farther);
  await t.rejects(runWith(farther), { code: 'SOURCE_INVALID', message: /app:2.*through a symbolic link to/ });

  const trusted = mkdtempSync('/run/snapcommit-led-');
  t.teardown(() => {
    rmSync(trusted, { recursive: true });
  });
  mkdirSync(join(trusted, 'there'));
  symlinkSync(snapshot, join(trusted, 'there', 'app:1'));
  symlinkSync('there', join(trusted, 'roots'));
  t.match(await runWith(join(trusted, 'roots', 'app:1')), { status: 0 }, 'a symlink that only root can have made');

  chownSync(live, 65534, 65534);
  await t.rejects(runWith(ours), { code: 'SOURCE_INVALID', message: /app:1 is a link of user id 65534/ });
});
