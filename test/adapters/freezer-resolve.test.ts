/** Which freeze targets are accepted. */
import t from 'tap';
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { createCommandRunner } from '#src/adapters/command-runner/index.js';
import { createCgroupWriters } from '#src/adapters/freezer-cgroup/index.js';
import type { CommandRunner } from '#src/ports/commands.js';
import { cgroupMount, makeCgroup } from '../support/cgroups.js';
import { requireCgroups } from '../support/requirements.js';

requireCgroups(t);

const writers = createCgroupWriters({ stateDirectory: '/nonexistent', runner: createCommandRunner() });

void t.test('a cgroup may be named below the mount or by its directory, and comes out once', async (t) => {
  const { cgroup, directory } = makeCgroup(t);
  t.same(await writers.resolve([cgroup], []), [{ cgroup, declared: cgroup }]);
  t.same(await writers.resolve([directory], []), [{ cgroup, declared: directory }]);
  t.same(await writers.resolve([`${cgroup}/`, cgroup, directory], []), [{ cgroup, declared: `${cgroup}/` }]);
  t.same(await writers.resolve([], []), []);
});

void t.test('what cannot or must not be frozen is refused', async (t) => {
  const { cgroup } = makeCgroup(t);
  const bad = ['/', cgroupMount(), `${cgroupMount()}/`, '', 'app', `${cgroup}/none`, `/x/..${cgroup}`, `/.${cgroup}`];
  bad.push(`/${cgroup}`, `${cgroup}/cgroup.freeze`, '/sys/fs/cgroup/../x', 'a\0b');
  for (const path of bad) {
    await t.rejects(writers.resolve([path], []), { code: 'CGROUP_INVALID' }, JSON.stringify(path));
  }
});

void t.test("our own cgroup and its ancestors are refused, a sibling's and a child's are not", async (t) => {
  const parent = makeCgroup(t);
  const own = makeCgroup(t, parent);
  const sibling = makeCgroup(t, parent);
  const child = makeCgroup(t, own);
  const code = await resolveInside(
    own.directory,
    [parent, own, sibling, child].map(({ cgroup }) => cgroup),
  );
  t.same(code, ['CGROUP_INVALID', 'CGROUP_INVALID', 'accepted', 'accepted']);
  for (const each of [child, sibling, own]) await each.remove();
});

void t.test("the cgroup of this node's daemon and its ancestors are refused, a sibling's is not", async (t) => {
  const parent = makeCgroup(t);
  const own = makeCgroup(t, parent);
  const sibling = makeCgroup(t, parent);
  const { pid } = await own.start('/usr/bin/sleep', 'infinity');
  const daemons: number[] = [pid ?? 0];
  const beside = createCgroupWriters({
    stateDirectory: '/nonexistent',
    runner: createCommandRunner(),
    daemons: () => daemons,
  });
  const message = new RegExp(`cgroup in which this node's daemon \\(pid ${String(pid)}\\) runs`);
  for (const { cgroup } of [parent, own])
    await t.rejects(beside.resolve([cgroup], []), { code: 'CGROUP_INVALID', message }, cgroup);
  t.same(await beside.resolve([sibling.cgroup], []), [{ cgroup: sibling.cgroup, declared: sibling.cgroup }]);
  daemons[0] = 2 ** 22 + 1;
  t.match(await beside.resolve([own.cgroup], []), [{ cgroup: own.cgroup }], 'one that has ended is in nobody’s way');
  for (const each of [sibling, own]) await each.remove();
});

/** Resolves each path from a process that runs in the cgroup `directory`. */
async function resolveInside(directory: string, cgroups: readonly string[]): Promise<unknown> {
  const source = `
    import { writeFileSync } from 'node:fs';
    import { createCgroupWriters } from ${JSON.stringify(import.meta.resolve('#src/adapters/freezer-cgroup/index.js'))};
    writeFileSync(${JSON.stringify(directory)} + '/cgroup.procs', '0');
    const writers = createCgroupWriters({ stateDirectory: '/nonexistent', runner: null });
    const results = [];
    for (const cgroup of ${JSON.stringify(cgroups)}) {
      results.push(await writers.resolve([cgroup], []).then(() => 'accepted', (error) => error.code));
    }
    console.log(JSON.stringify(results));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', source]);
  return JSON.parse(stdout);
}

void t.test('units are resolved by systemd', async (t) => {
  const { cgroup } = makeCgroup(t);
  const asked: string[][] = [];
  const answers = new Map([
    ['app.service', { status: 0, stdout: `${cgroup}\n` }],
    ['stopped.service', { status: 0, stdout: '\n' }],
    ['failing.service', { status: 1, stdout: '' }],
    ['root.slice', { status: 0, stdout: '/\n' }],
  ]);
  const runner: CommandRunner = {
    run: async (file, args) => {
      asked.push([file, ...args]);
      const answer = answers.get(args.at(-1) ?? '') ?? { status: 1, stdout: '' };
      return { signal: null, stderr: 'no such unit', timedOut: false, ...answer };
    },
  };
  const asking = createCgroupWriters({ stateDirectory: '/nonexistent', runner });
  t.same(await asking.resolve([], ['app.service']), [{ cgroup, declared: 'app.service' }]);
  t.same(asked, [['/usr/bin/systemctl', 'show', '-p', 'ControlGroup', '--value', '--', 'app.service']]);
  t.same(await asking.resolve([cgroup], ['app.service']), [{ cgroup, declared: cgroup }], 'declared twice');
  for (const unit of ['stopped.service', 'failing.service', 'root.slice', '--help', 'app', 'a b.service']) {
    await t.rejects(asking.resolve([], [unit]), { code: 'CGROUP_INVALID' }, unit);
  }
});

void t.test('a cgroup that goes between resolve and arm is refused', async (t) => {
  const gone = makeCgroup(t);
  const targets = await writers.resolve([gone.cgroup], []);
  await gone.remove();
  await t.rejects(writers.arm('tx', targets, 1_000), { code: 'CGROUP_INVALID' });
  mkdirSync(gone.directory);
});
