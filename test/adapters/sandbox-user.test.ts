/** The same as an ordinary user: a user namespace instead of root, descent instead of a cgroup. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { run } from '../support/btrfs.js';
import { requireRoot } from '../support/requirements.js';
import { readableProgram, reported, runSandbox, shell, startSandbox, uniqueName } from '../support/sandboxes.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';

// to become somebody else
requireRoot(t);

const asNobody = readableProgram(t);

function trees(t: Test): { live: string; snapshot: string; open: string } {
  const directory = temporaryDirectory(t);
  const at = (name: string): string => join(directory, name);
  for (const name of ['live', 'snapshot', 'open']) {
    mkdirSync(at(name));
    writeFileSync(join(at(name), 'file'), name);
  }
  chmodSync(directory, 0o755);
  chmodSync(at('open'), 0o777);
  return { live: at('live'), snapshot: at('snapshot'), open: at('open') };
}

void t.test(
  'the command sees the placement, as the user who started it and without any right to undo it',
  async (t) => {
    const { live, snapshot } = trees(t);
    const script = `cat file; cd /; id -u; grep CapEff /proc/self/status; umount ${live} 2> /dev/null; cat ${live}/file`;
    const { stdout, stderr, result } = await runSandbox(t, {
      command: shell(script),
      placements: [{ from: snapshot, at: live }],
      workingDirectory: live,
      asNobody,
    });
    t.equal(stdout, 'snapshot65534\nCapEff:\t0000000000000000\nsnapshot', stderr);
    t.same(result, { status: 0, cgroup: null, interrupted: false });
  },
);

void t.test('a placement can be made read-only', async (t) => {
  const { live, open } = trees(t);
  const { stderr } = await runSandbox(t, {
    command: shell(`echo new > ${live}/new`),
    placements: [{ from: open, at: live, readOnly: true }],
    asNobody,
  });
  t.match(stderr, /Read-only file system/);
  t.notOk(existsSync(join(open, 'new')));
});

for (const readOnly of [true, false])
  void t.test(
    `a ${readOnly ? 'read-only' : 'writable'} tree with mounts below it can be shown over a mount point`,
    async (t) => {
      const { live, snapshot, open } = trees(t);
      const below = join(snapshot, 'below');
      mkdirSync(below);
      for (const [from, at] of [
        [open, below],
        [live, live],
      ] as const) {
        run('mount', '--bind', from, at);
        t.teardown(() => run('umount', at));
      }
      // the kernel shows an ordinary user nothing that a mount hides
      const { stdout, stderr } = await runSandbox(t, {
        command: ['/bin/cat', join(live, 'file'), join(live, 'below', 'file')],
        placements: [{ from: snapshot, at: live, readOnly }],
        asNobody,
      });
      t.equal(stdout, 'snapshotopen', stderr);
    },
  );

for (const mount of [true, false]) {
  const how = mount ? 'with private mounts' : 'without mounts';

  void t.test(`${how}, where a cgroup cannot be had, a daemon is ended before run resolves`, async (t) => {
    const { open } = trees(t);
    const pidFile = join(open, 'pid');
    const script = `(setsid sh -c 'echo $$ > ${pidFile}; exec sleep 1000' > /dev/null 2>&1 < /dev/null &) ; while ! [ -s ${pidFile} ]; do sleep 0.01; done; exit 4`;
    t.teardown(() => {
      // only a bug leaves it
      if (existsSync(pidFile)) killIfThere(Number(readFileSync(pidFile, 'utf8')));
    });
    const cgroup = uniqueName();
    const ran = await runSandbox(t, { command: shell(script), mount, cgroup, asNobody });
    t.same(ran.result, { status: 4, cgroup: null, interrupted: false }, ran.stderr);
    t.notOk(existsSync(`/proc/${readFileSync(pidFile, 'utf8').trim()}`), 'the daemon is gone, and no zombie');
    t.ok(ran.bystanderLives, 'our other children are left alone');
  });
}

void t.test('an interruption ends the command', async (t) => {
  const running = startSandbox(t, { command: shell('echo up; sleep 1000'), cgroup: uniqueName(), asNobody });
  await until('it runs', () => running.stdout() === 'up\n');
  running.child.kill('SIGTERM');
  t.match((await reported(running)).result, { status: 143, cgroup: null, interrupted: true });
});

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // as it should be
  }
}
