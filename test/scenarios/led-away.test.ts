/**
 * Who owns a directory above a publish directory can put another one, or a symlink, in the place of those below. Root writes
 * nothing there, and what was published stays whole.
 */
import { chownSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { makeBtrfs } from '../support/btrfs.js';
import { requireBtrfs } from '../support/requirements.js';
import { cli, type CliResult } from '../support/run-cli.js';

requireBtrfs(t);

const ALICE = 1000;

interface Home {
  readonly hidden: string;
  readonly aside: string;
  /** A directory of root's alone, with the volume's name. */
  readonly private: string;
  readonly state: string;
  run(...args: string[]): Promise<CliResult>;
}

/** Alice's home with root's volume in it, committed once. */
async function makeHome(t: Test, driver: 'btrfs' | 'directory'): Promise<Home> {
  const { mount, outside, subvolume } = makeBtrfs(t);
  const home = join(mount, 'alice');
  mkdirSync(home);
  const source = driver === 'btrfs' ? subvolume('alice/notes') : join(home, 'notes');
  if (driver === 'directory') mkdirSync(source);
  for (const path of [home, source]) chownSync(path, ALICE, ALICE);
  const root = join(mount, 'root');
  mkdirSync(join(root, 'notes'), { recursive: true, mode: 0o700 });
  const state = join(outside, 'state');
  const run = async (...args: string[]): Promise<CliResult> => cli(['--json', ...args], { stateDirectory: state });
  for (const args of [
    ['init', '--node', 'here'],
    ['volume', 'add', 'notes', '--source', source, '--driver', driver],
    ['group', 'create', 'app', '--volume', 'notes'],
    ['commit', 'app'],
  ]) {
    const { status, stdout, stderr } = await run(...args);
    t.equal(status, 0, `${args.join(' ')}: ${stdout}${stderr}`);
  }
  return { hidden: join(home, '.snapcommit'), aside: join(home, 'x'), private: join(root, 'notes'), state, run };
}

/** What Alice puts in the place of `.snapcommit`; `told` is what the refusal says. */
const LURES: Readonly<Record<string, { readonly told: RegExp; readonly put: (home: Home) => void }>> = {
  'a symlink': {
    told: /symbolic link|symlink/,
    put: (home) => {
      symlinkSync(join(home.private, '..'), home.hidden);
    },
  },
  'a directory of her own': {
    told: /belongs to user 1000/,
    put: ({ hidden }) => {
      mkdirSync(join(hidden, 'notes'), { recursive: true });
      for (const path of [hidden, join(hidden, 'notes')]) chownSync(path, ALICE, ALICE);
    },
  },
  'a directory with a symlink in it': {
    told: /notes/,
    put: (home) => {
      mkdirSync(home.hidden);
      symlinkSync(home.private, join(home.hidden, 'notes'));
    },
  },
};

for (const driver of ['btrfs', 'directory'] as const)
  for (const [what, { told, put }] of Object.entries(LURES))
    void t.test(`${driver}: nothing is written where ${what} leads to`, async (t) => {
      const home = await makeHome(t, driver);
      renameSync(home.hidden, home.aside);
      put(home);
      for (const args of [
        ['commit', 'app'],
        ['transact', 'app', '--', '/bin/true'],
      ]) {
        const { status, stdout } = await home.run(...args);
        t.ok([5, 6, 102, 105, 106].includes(status ?? 0), `${args.join(' ')} ${String(status)} ${stdout}`);
        t.match(stdout, told);
        t.match(stdout, 'notes');
      }
      t.strictSame(readdirSync(home.private), []);
      t.strictSame(readdirSync(join(home.hidden, 'notes')), []);
      rmSync(home.hidden, { recursive: true });
      renameSync(home.aside, home.hidden);
      t.equal((await home.run('commit', 'app')).status, 0, 'put back, it works');
      t.equal((await home.run('verify', 'app')).status, 0);
    });

void t.test('nothing is published in a directory of hers, even where the staged snapshot stands in it', async (t) => {
  const home = await makeHome(t, 'directory');
  const env = { SNAPCOMMIT_CRASH_AT: 'publish.fence-checked' };
  await cli(['commit', 'app'], { stateDirectory: home.state, env });
  const staged = readdirSync(join(home.hidden, 'notes')).filter((name) => name.startsWith('.staged'));
  t.equal(staged.length, 1);
  renameSync(home.hidden, home.aside);
  for (const path of [home.hidden, join(home.hidden, 'notes')]) {
    mkdirSync(path);
    chownSync(path, ALICE, ALICE);
  }
  const [name = ''] = staged;
  renameSync(join(home.aside, 'notes', name), join(home.hidden, 'notes', name));
  const { stdout } = await home.run('recover', '--local-only');
  t.match(stdout, /belongs to user 1000/);
  t.strictSame(readdirSync(join(home.hidden, 'notes')), staged);
});

void t.test('what was removed is not deleted elsewhere', async (t) => {
  const home = await makeHome(t, 'btrfs');
  t.equal((await home.run('commit', 'app')).status, 0);
  renameSync(home.hidden, home.aside);
  symlinkSync(join(home.private, '..'), home.hidden);
  for (const name of ['app@1', 'app@1.manifest.json', 'app@2', 'app@2.manifest.json', 'app@current'])
    writeFileSync(join(home.private, name), '');
  const before = readdirSync(home.private);
  await home.run('prune', 'app', '--keep-last', '1');
  await home.run('recover', '--local-only');
  await home.run('group', 'remove', 'app');
  await home.run('volume', 'remove', 'notes');
  t.strictSame(readdirSync(home.private), before);
});
