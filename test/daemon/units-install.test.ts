/** `install-units` on the disk, below a root directory of its own: what is written, left, refused and removed. */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { installUnits } from '#src/daemon/units/install.js';
import type { InstallUnitsRequest } from '#src/daemon/units/reports.js';
import { initNode, openNode } from '#src/index.js';
import type { CommandRunner } from '#src/ports/commands.js';
import { cli, PROGRAM } from '../support/run-cli.js';
import { temporaryDirectory } from '../support/temp.js';

const RECOVER = 'snapcommit-recover.service';

/** A state directory with a log, a root directory, and a systemctl that notes what it is asked. */
async function world(t: Test) {
  const directory = temporaryDirectory(t, 'units');
  const stateDirectory = join(directory, 'state');
  await initNode({ stateDirectory, node: 'a' });
  const root = join(directory, 'root');
  const units = join(root, 'etc/systemd/system');
  const asked: (readonly string[])[] = [];
  let status = 0;
  const runner: CommandRunner = {
    async run(file, args) {
      asked.push([file, ...args]);
      return Promise.resolve({ status, signal: null, stdout: '', stderr: 'it says no', timedOut: false });
    },
  };
  const request: InstallUnitsRequest = {
    stateDirectory,
    program: ['/usr/bin/node', '/usr/local/bin/snapcommit', '--state-dir', stateDirectory],
    root,
    enable: false,
    remove: false,
    overwrite: false,
    dryRun: false,
  };
  const install = async (change: Partial<InstallUnitsRequest> = {}) => installUnits({ ...request, ...change }, runner);
  const read = (unit: string): string => readFileSync(join(units, unit), 'utf8');
  const failFromNowOn = (): void => void (status = 1);
  return { directory, stateDirectory, root, units, asked, install, read, failFromNowOn };
}

/** A volume in a group that stops app.service. */
async function declare(directory: string, stateDirectory: string): Promise<void> {
  const source = join(directory, 'db');
  mkdirSync(source);
  const node = await openNode({ stateDirectory });
  await node.addVolume({ name: 'db', source, driver: 'directory', publishDirectory: null });
  const none: readonly string[] = [];
  const targets = { freezeCgroups: none, freezeUnits: none, preHooks: none, postHooks: none };
  const stopUnits = ['app.service'];
  await node.createGroup({ name: 'app', volumes: ['db'], require: null, stallLimitMs: 5000, ...targets, stopUnits });
  node.close();
}

t.test('units are written whole and readable, twice is once, and they follow what is declared', async (t) => {
  const { directory, stateDirectory, units, install, read, asked } = await world(t);
  const first = await install();
  t.same(
    first.units.map(({ action }) => action),
    Array(5).fill('written'),
  );
  t.equal(lstatSync(join(units, RECOVER)).mode & 0o777, 0o644);
  const before = lstatSync(join(units, RECOVER)).ino;
  t.same(
    (await install()).units.map(({ action }) => action),
    Array(5).fill('unchanged'),
  );
  t.equal(lstatSync(join(units, RECOVER)).ino, before, 'not even written again');
  await declare(directory, stateDirectory);
  const again = await install();
  t.same(
    again.units.filter(({ action }) => action === 'replaced').map(({ unit }) => unit),
    [RECOVER, 'snapcommit.service'],
  );
  t.match(read(RECOVER), /^Before=.* app\.service$/m);
  t.same(readdirSync(units).sort(), first.units.map(({ unit }) => unit).sort(), 'nothing else is left there');
  t.same(asked, [], 'nobody is asked about another root');
});

t.test('--dry-run tells all and changes nothing', async (t) => {
  const { root, install } = await world(t);
  const { units, dryRun } = await install({ dryRun: true, enable: true });
  t.ok(dryRun);
  t.match(units[0], { action: 'written', content: /ExecStart=/ });
  t.throws(() => lstatSync(root), { code: 'ENOENT' });
});

t.test('a unit that somebody changed, or masked, is refused by name before anything is written', async (t) => {
  const { units, install, read } = await world(t);
  mkdirSync(units, { recursive: true });
  writeFileSync(join(units, 'snapcommit.service'), '# mine\n');
  symlinkSync('/dev/null', join(units, RECOVER));
  await t.rejects(install(), {
    code: 'EXISTS',
    details: { paths: [join(units, RECOVER), join(units, 'snapcommit.service')] },
  });
  t.equal(readdirSync(units).length, 2, 'nothing was written');
  await t.rejects(install({ remove: true }), { code: 'EXISTS' });
  t.equal(read('snapcommit.service'), '# mine\n');
  const { units: report } = await install({ overwrite: true });
  t.same(
    report.map(({ action }) => action),
    ['replaced', 'written', 'replaced', 'written', 'written'],
  );
  t.ok(lstatSync(join(units, RECOVER)).isFile(), 'the link is replaced, not followed');
});

t.test('--enable enables what this machine needs, and nothing without a log', async (t) => {
  const { root, asked, install, failFromNowOn } = await world(t);
  t.same((await install({ enable: true })).enabled, [RECOVER], 'by itself it has no daemon');
  t.same(asked, [['/usr/bin/systemctl', `--root=${root}`, '--quiet', 'enable', '--', RECOVER]]);
  await t.rejects(install({ enable: true, stateDirectory: '/nowhere' }), { code: 'STATE_NOT_FOUND' });
  failFromNowOn();
  await t.rejects(install({ enable: true }), { code: 'UNAVAILABLE', message: /it says no/ });
});

t.test('--remove disables first, takes all away, and twice is once', async (t) => {
  const { root, units, asked, install } = await world(t);
  const { units: installed } = await install();
  writeFileSync(join(units, 'other.service'), '');
  const { units: removed } = await install({ remove: true });
  t.same(
    removed.map(({ action }) => action),
    Array(5).fill('removed'),
  );
  t.same(readdirSync(units), ['other.service']);
  const names = installed.map(({ unit }) => unit);
  t.same(asked, [['/usr/bin/systemctl', `--root=${root}`, '--quiet', 'disable', '--', ...names]]);
  t.same(
    (await install({ remove: true })).units.map(({ action }) => action),
    Array(5).fill('missing'),
  );
  t.equal(asked.length, 1);
});

t.test('without a log the units wait for nothing, and that is told', async (t) => {
  const { install, read } = await world(t);
  const { warnings } = await install({ stateDirectory: '/nowhere' });
  t.match(warnings, [/no log in \/nowhere/]);
  t.match(read(RECOVER), /^Before=snapcommit-ready\.target$/m);
});

t.test('a log that cannot be read now takes nothing from what the units wait for', async (t) => {
  const { directory, stateDirectory, install, read } = await world(t);
  await declare(directory, stateDirectory);
  await install();
  const before = read(RECOVER);
  // The stamp of a volume that another log has acted on: reading is refused.
  const stamp = join(directory, '.snapcommit', 'db', '.stamp');
  renameSync(stamp, `${stamp}.ours`);
  symlinkSync('another-cluster/1/1', stamp);
  const { warnings, units } = await install({ program: ['/usr/bin/snapcommit'] });
  t.match(warnings, [/cannot be read now/]);
  t.equal(read(RECOVER), before);
  t.match(
    units.map(({ action }) => action),
    ['unchanged', 'unchanged', 'unchanged', 'replaced', 'unchanged'],
  );
});

t.test('the command is found where it is installed, and tells systemd what ran it', async (t) => {
  const { stateDirectory, root, units } = await world(t);
  const { status, stdout, stderr } = await cli(['install-units', '--root', root], { stateDirectory });
  t.equal(status, 0, stderr);
  t.match(stdout, join(units, RECOVER));
  const unit = readFileSync(join(units, RECOVER), 'utf8');
  t.match(unit, `ExecStart=${process.execPath} ${PROGRAM} --state-dir ${stateDirectory} recover --local-only\n`);
});

t.test('what cannot be written into a unit, and where nothing can be written, is refused', async (t) => {
  const { directory, install } = await world(t);
  await t.rejects(install({ program: ['/opt/"node"'] }), { code: 'USAGE' });
  writeFileSync(join(directory, 'file'), '');
  await t.rejects(install({ root: join(directory, 'file') }), { code: 'UNAVAILABLE', message: /cannot use/ });
  chmodSync(join(directory, 'file'), 0o600);
});
