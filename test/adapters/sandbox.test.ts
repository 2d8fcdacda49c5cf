/** What a command in a sandbox sees and is: real mounts, real cgroups, btrfs and plain directories. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createSandbox } from '#src/adapters/sandbox/index.js';
import { makeBtrfs, run } from '../support/btrfs.js';
import { requireBtrfs, requireCgroups } from '../support/requirements.js';
import { runSandbox, shell } from '../support/sandboxes.js';
import { temporaryDirectory } from '../support/temp.js';

requireBtrfs(t);
requireCgroups(t);

interface Trees {
  readonly live: string;
  readonly snapshot: string;
}

/** A live subvolume and a read-only snapshot of it, which differ in `file`. */
function btrfsTrees(t: Test): Trees {
  const btrfs = makeBtrfs(t);
  const live = btrfs.subvolume('live');
  fill(live, 'snapshot');
  const snapshot = join(btrfs.mount, 'snapshot');
  run('btrfs', '--quiet', 'subvolume', 'snapshot', '-r', live, snapshot);
  fill(live, 'live');
  return { live, snapshot };
}

function plainTrees(t: Test): Trees {
  const directory = temporaryDirectory(t);
  const [live, snapshot] = [join(directory, 'live'), join(directory, 'snapshot')];
  fill(live, 'live');
  fill(snapshot, 'snapshot');
  return { live, snapshot };
}

function fill(tree: string, content: string): void {
  mkdirSync(join(tree, 'directory'), { recursive: true });
  writeFileSync(join(tree, 'file'), content);
  writeFileSync(join(tree, 'directory', 'inner'), content);
}

void t.test('the probe tells that root can make private mounts', async (t) => {
  t.same(await createSandbox().probe(), { mounts: 'root', reason: null });
});

void t.test(
  'T9 what the command sees is kept in use outside while it runs, so that others can go on reading it',
  async (t) => {
    const { live, snapshot } = plainTrees(t);
    // the kernel unmounts a ZFS snapshot that nobody is in
    const { stdout, stderr } = await runSandbox(t, {
      command: shell('ls -l /proc/$PPID/fd'),
      placements: [{ from: snapshot, at: live }],
    });
    t.match(stdout, `-> ${snapshot}\n`, stderr);
  },
);

for (const [kind, makeTrees] of [
  ['btrfs', btrfsTrees],
  ['a plain directory', plainTrees],
] as const) {
  void t.test(`on ${kind} the command sees the placement, and outside nobody does`, async (t) => {
    const { live, snapshot } = makeTrees(t);
    // through /proc/PID/root the command can look at what we see at the same moment
    const { stdout, stderr, result } = await runSandbox(t, {
      command: ['/bin/cat', join(live, 'file'), `/proc/${String(process.pid)}/root${live}/file`],
      placements: [{ from: snapshot, at: live }],
    });
    t.equal(stdout, 'snapshotlive', stderr);
    t.same(result, { status: 0, cgroup: null, interrupted: false });
    t.notOk(readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${live} `), 'no mount is left outside');
  });

  void t.test(`T9 on ${kind} a working directory below the live path shows the snapshot`, async (t) => {
    const { live, snapshot } = makeTrees(t);
    const { stdout } = await runSandbox(t, {
      command: shell('pwd; cat inner'),
      placements: [{ from: snapshot, at: live }],
      workingDirectory: join(live, 'directory'),
    });
    t.equal(stdout, `${live}/directory\nsnapshot`);
  });
}

void t.test('no mount leaves the namespace, also where the outside shares its mounts', async (t) => {
  const { live, snapshot } = plainTrees(t);
  const shared = join(live, '..');
  run('mount', '--bind', shared, shared);
  t.teardown(() => {
    run('umount', '--recursive', shared);
  });
  run('mount', '--make-shared', shared);
  const outside = `/proc/${String(process.pid)}/root${live}/file`;
  const { stdout } = await runSandbox(t, { command: ['cat', outside], placements: [{ from: snapshot, at: live }] });
  t.equal(stdout, 'live');
});

void t.test('a read-only snapshot is read-only inside', async (t) => {
  const { live, snapshot } = btrfsTrees(t);
  const { result, stderr } = await runSandbox(t, {
    command: shell(`echo new > ${live}/file`),
    placements: [{ from: snapshot, at: live }],
  });
  t.not(result?.status, 0);
  t.match(stderr, /Read-only file system/);
  t.equal(readFileSync(join(snapshot, 'file'), 'utf8'), 'snapshot');
});

void t.test('a plain directory is writable inside, and read-only where that is asked for', async (t) => {
  const { live, snapshot } = plainTrees(t);
  const command = shell(`echo new > ${live}/file`);
  const refused = await runSandbox(t, { command, placements: [{ from: snapshot, at: live, readOnly: true }] });
  t.match(refused.stderr, /Read-only file system/);
  t.equal(readFileSync(join(snapshot, 'file'), 'utf8'), 'snapshot');

  const written = await runSandbox(t, { command, placements: [{ from: snapshot, at: live }] });
  t.equal(written.result?.status, 0);
  t.equal(readFileSync(join(snapshot, 'file'), 'utf8'), 'new\n');
  t.equal(readFileSync(join(live, 'file'), 'utf8'), 'live', 'the live tree is as it was');
});

void t.test('nested live paths are put in place parents first, also when a source lies below one', async (t) => {
  const { live, snapshot } = plainTrees(t);
  const inner = join(live, 'directory');
  const hidden = join(live, '.hidden');
  fill(hidden, 'inner snapshot');
  const { stdout, stderr } = await runSandbox(t, {
    command: ['/bin/cat', join(live, 'file'), join(inner, 'file')],
    placements: [
      { from: hidden, at: inner },
      { from: snapshot, at: live },
    ],
  });
  t.equal(stdout, 'snapshotinner snapshot', stderr);
});

void t.test('a nested live path that the outer snapshot lacks is refused, and nothing runs', async (t) => {
  const { live, snapshot } = plainTrees(t);
  const inner = join(live, 'added-later');
  mkdirSync(inner);
  const { error, stdout } = await runSandbox(t, {
    command: ['/bin/echo', 'ran'],
    placements: [
      { from: snapshot, at: live },
      { from: join(snapshot, 'directory'), at: inner },
    ],
  });
  t.match(error, { code: 'SOURCE_INVALID', message: /added-later/ });
  t.equal(stdout, '');
});

void t.test('without mounts the command runs where it is', async (t) => {
  const { live, snapshot } = plainTrees(t);
  const { stdout } = await runSandbox(t, {
    command: shell('cat file "$SNAPCOMMIT_VOLUME_DB/file"'),
    mount: false,
    environment: { PATH: '/bin', SNAPCOMMIT_VOLUME_DB: snapshot },
    workingDirectory: live,
  });
  t.equal(stdout, 'livesnapshot');
});

void t.test('the command gets its words, environment, input and standard streams as they are', async (t) => {
  const words = ['one two', '', '$HOME', 'ümlaut\nnewline', '"'];
  const said = await runSandbox(t, { command: ['printf', '[%s]', ...words] });
  t.equal(said.stdout, words.map((word) => `[${word}]`).join(''));

  const environment = { PATH: '/bin:/usr/bin', EMPTY: '', ODD: 'a=b\nc' };
  const seen = await runSandbox(t, { command: ['env', '-0'], environment });
  t.same(
    seen.stdout.split('\0').filter(Boolean).toSorted(),
    Object.entries(environment)
      .map(([name, value]) => `${name}=${value}`)
      .toSorted(),
    'nothing of ours is in it',
  );

  const read = await runSandbox(t, { command: ['cat'], input: 'from stdin' });
  t.equal(read.stdout, 'from stdin');

  const turned = await runSandbox(t, { command: ['echo', 'said'], stdout: 'stderr' });
  t.equal(turned.stdout, '');
  t.equal(turned.stderr, 'said\n');
});

void t.test('the command starts with no signal ignored or blocked and without our channel', async (t) => {
  const status = await runSandbox(t, { command: ['grep', '-E', '^Sig(Blk|Ign)', '/proc/self/status'] });
  t.match(status.stdout, /^SigBlk:\t0{16}\nSigIgn:\t0{16}\n$/);
  const channel = await runSandbox(t, { command: shell('readlink /proc/$$/fd/3') });
  t.equal(channel.result?.status, 1, 'descriptor 3 is closed');
});
