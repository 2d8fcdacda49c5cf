/** thawAll: what it does from nothing but the intent files, whatever state those are in. */
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createCommandRunner } from '#src/adapters/command-runner/index.js';
import { createCgroupWriters } from '#src/adapters/freezer-cgroup/index.js';
import { readBootId } from '#src/native/proc.js';
import type { Writers } from '#src/ports/writers.js';
import { makeCgroup, type TestCgroup } from '../support/cgroups.js';
import { requireCgroups } from '../support/requirements.js';
import { temporaryDirectory } from '../support/temp.js';

requireCgroups(t);

interface Fixture {
  readonly writers: Writers;
  /** An intent whose owner is dead: a pid that was started at another time. */
  readonly leave: (id: string, cgroups: readonly TestCgroup[], over?: Readonly<Record<string, unknown>>) => void;
  readonly write: (name: string, text: string) => void;
  readonly files: () => readonly string[];
}

function setUp(t: Test): Fixture {
  const stateDirectory = temporaryDirectory(t);
  const directory = join(stateDirectory, 'freeze');
  mkdirSync(directory);
  const write = (name: string, text: string): void => {
    writeFileSync(join(directory, name), text);
  };
  return {
    writers: createCgroupWriters({ stateDirectory, runner: createCommandRunner() }),
    write,
    leave: (id, cgroups, over = {}) => {
      const targets = cgroups.map((each) => ({
        cgroup: each.cgroup,
        directory: each.directory,
        inode: String(statSync(each.directory, { bigint: true }).ino),
      }));
      const owner = { bootId: readBootId(), pid: process.pid, startTime: 1 };
      const intent = { format: 1, id, transaction: `tx-${id}`, ...owner, deadline: 0, cgroups: targets, ...over };
      write(`${id}.json`, JSON.stringify(intent));
    },
    files: () => readdirSync(directory),
  };
}

void t.test('without a state directory there is nothing to thaw', async (t) => {
  const writers = createCgroupWriters({ stateDirectory: '/nonexistent', runner: createCommandRunner() });
  t.same(await writers.thawAll(true), []);
  t.same(await writers.intents(), []);
});

void t.test('a dead owner: thawed, not frozen and gone cgroups are told apart, and the intent goes', async (t) => {
  const { writers, leave, files } = setUp(t);
  const [frozen, running, gone, remade] = [makeCgroup(t), makeCgroup(t), makeCgroup(t), makeCgroup(t)];
  leave('a', [frozen, running, gone, remade]);
  frozen.freezeByHand();
  await gone.remove();
  await remade.remove();
  remade.recreate();
  remade.freezeByHand();
  t.same(await writers.thawAll(false), [
    { cgroup: frozen.cgroup, result: 'thawed', reason: null },
    { cgroup: running.cgroup, result: 'notFrozen', reason: null },
    { cgroup: gone.cgroup, result: 'gone', reason: null },
    { cgroup: remade.cgroup, result: 'gone', reason: null },
  ]);
  t.notOk(frozen.requested());
  t.ok(remade.requested(), 'a new cgroup under an old path is not ours');
  t.same(files(), []);
});

void t.test('a corrupt intent is reported and kept, and does not hinder the others', async (t) => {
  const { writers, leave, write, files } = setUp(t);
  const cgroup = makeCgroup(t);
  write('1.json', '{"format":1,');
  write('2.json', '{"format":2}');
  write('3.json', '');
  leave('4', [cgroup]);
  cgroup.freezeByHand();
  const report = await writers.thawAll(true);
  t.match(report, [{ result: 'failed' }, { result: 'failed' }, { result: 'failed' }, { result: 'thawed' }]);
  t.match(report[0]?.cgroup, /1\.json$/);
  t.same(files(), ['1.json', '2.json', '3.json']);
  t.same(await writers.intents(), []);
});

void t.test('T10 a living freeze is left alone, also where a dead one names the same cgroup', async (t) => {
  const { writers, leave, files } = setUp(t);
  const cgroup = makeCgroup(t);
  const armed = await writers.arm('tx-living', await writers.resolve([cgroup.cgroup], []), 600_000);
  const freeze = await armed.freeze();
  leave('dead', [cgroup]);
  t.match(await writers.thawAll(false), [{ cgroup: cgroup.cgroup, result: 'failed', reason: /tx-living/ }]);
  t.ok(cgroup.frozen());
  t.match(await freeze.release(), { unbroken: true });
  t.match(await writers.thawAll(false), [{ cgroup: cgroup.cgroup, result: 'notFrozen' }]);
  t.same(files(), []);
});

void t.test('with `all` a living freeze is thawed too, and its round is void', async (t) => {
  const { writers } = setUp(t);
  const cgroup = makeCgroup(t);
  const armed = await writers.arm('tx-living', await writers.resolve([cgroup.cgroup], []), 600_000);
  const freeze = await armed.freeze();
  t.match(await writers.thawAll(true), [{ cgroup: cgroup.cgroup, result: 'thawed' }]);
  t.notOk(cgroup.requested());
  t.match(await freeze.release(), { unbroken: false, reason: /somebody else/ });
});

void t.test('an intent of an earlier boot is removed without touching a cgroup', async (t) => {
  const { writers, leave, files } = setUp(t);
  const cgroup = makeCgroup(t);
  cgroup.freezeByHand();
  leave('old', [cgroup], { bootId: 'another' });
  t.match(await writers.thawAll(false), [{ result: 'notFrozen', reason: /restarted/ }]);
  t.ok(cgroup.requested());
  t.same(files(), []);
});

void t.test('a half-written intent of a dead process is swept, a living one is not', async (t) => {
  const { writers, write, files } = setUp(t);
  write('a.json.tmp-4194304-1', 'half');
  write(`b.json.tmp-${String(process.pid)}-1`, 'half');
  t.same(await writers.thawAll(false), []);
  t.same(files(), [`b.json.tmp-${String(process.pid)}-1`]);
});
