/** What systemd itself says of our units: it finds nothing wrong with them, escapes as we do, and enables them. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { declaredOn } from '#src/daemon/units/declared.js';
import { installUnits } from '#src/daemon/units/install.js';
import { mountUnitOf } from '#src/daemon/units/quote.js';
import { renderUnits } from '#src/daemon/units/render.js';
import { initNode, openNode } from '#src/index.js';
import { requireCommand } from '../support/requirements.js';
import { temporaryDirectory } from '../support/temp.js';

const analyze = requireCommand(t, 'systemd-analyze');
const escape = requireCommand(t, 'systemd-escape');
requireCommand(t, 'systemctl');
const PROGRAM = join(import.meta.dirname, '..', '..', '..', 'bin', 'snapcommit.js');

const directory = temporaryDirectory(t, 'units 100%');
const stateDirectory = join(directory, 'state');
const root = join(directory, 'root');
const units = join(root, 'etc/systemd/system');
const request = {
  stateDirectory,
  program: [process.execPath, PROGRAM, '--state-dir', stateDirectory],
  root,
  enable: false,
  remove: false,
  overwrite: false,
  dryRun: false,
};

t.test('systemd finds nothing wrong with the units, also with hard names', async (t) => {
  const source = join(directory, "pool-a '1'", 'db');
  mkdirSync(source, { recursive: true });
  await initNode({ stateDirectory, node: 'a' });
  const node = await openNode({ stateDirectory });
  await node.addVolume({ name: 'db', source, driver: 'directory', publishDirectory: null });
  const none: readonly string[] = [];
  const targets = { freezeCgroups: none, freezeUnits: ['dev\\x2d1'], preHooks: none, postHooks: none };
  const group = { name: 'my-app', volumes: ['db'], require: null, stallLimitMs: 5000, ...targets, stopUnits: ['web'] };
  await node.createGroup(group);
  node.close();
  const { units: written } = await installUnits(request);
  // Templates are looked at as instances.
  const verified = join(directory, 'verified');
  mkdirSync(verified);
  const files = written.map(({ unit, path }) => {
    const file = join(verified, unit.replace('@.', '@my-app.'));
    copyFileSync(path, file);
    return file;
  });
  const { status, stdout, stderr } = spawnSync(analyze, ['verify', '--man=no', ...files], { encoding: 'utf8' });
  t.equal(stdout + stderr, '');
  t.equal(status, 0);
});

t.test('T7 users that everything is ordered after make no cycle, in which systemd would leave out a start', (t) => {
  const record = { name: 'db', node: 'a', driver: 'directory', filesystem: 'x' } as const;
  const volume = { ...record, source: '/srv/db', publishDirectory: '/srv/.snapcommit/db' };
  const none: readonly string[] = [];
  const declared = declaredOn(
    'a',
    [volume],
    [
      {
        name: 'app',
        volumes: ['db'],
        require: null,
        stallLimitMs: 5000,
        freezeCgroups: ['/machine.slice', '/user.slice'],
        freezeUnits: none,
        stopUnits: ['user.socket'],
        preHooks: none,
        postHooks: none,
      },
    ],
  );
  const [recovery] = renderUnits({ program: ['/bin/true'], stateDirectory: '/var/lib/snapcommit', declared });
  const boot = join(directory, 'boot');
  mkdirSync(boot);
  const write = (name: string, lines: readonly string[]): void => {
    writeFileSync(join(boot, name), lines.join('\n'));
  };
  write(recovery?.name ?? '', [recovery?.content ?? '']);
  write('user.socket', ['[Socket]', 'ListenStream=/run/x', '']);
  write('user.service', ['[Service]', 'ExecStart=/bin/true', 'Slice=machine.slice', '']);
  const wanted = 'basic.target sockets.target user.socket user.service user.slice snapcommit-recover.service';
  write('all.target', ['[Unit]', `Requires=${wanted}`, 'After=basic.target', '']);
  const { stderr } = spawnSync(analyze, ['verify', '--man=no', join(boot, 'all.target')], { encoding: 'utf8' });
  t.notMatch(stderr, /ordering cycle/);
  t.match(recovery?.content, / systemd-user-sessions\.service user\.service\n/);
  t.end();
});

t.test('mounts are named as systemd names them', (t) => {
  const paths = ['/srv', '/srv/pool-a/.snapcommit', '/.hidden', '/a b/ä%\\', '/srv//x/', '/a/.b_c:d'];
  for (const path of paths) {
    const { stdout } = spawnSync(escape, ['--path', '--suffix=mount', path], { encoding: 'utf8' });
    t.equal(mountUnitOf(path), stdout.trim(), path);
  }
  t.end();
});

t.test('recovery is enabled for the boot, and --remove leaves no link, nor that of a timer', async (t) => {
  await installUnits({ ...request, enable: true });
  const enabled = join(units, 'multi-user.target.wants', 'snapcommit-recover.service');
  t.equal(readlinkSync(enabled), '/etc/systemd/system/snapcommit-recover.service');
  const timers = join(units, 'timers.target.wants');
  mkdirSync(timers);
  const timer = join(timers, 'snapcommit-commit@my-app.timer');
  symlinkSync('/etc/systemd/system/snapcommit-commit@.timer', timer);
  await installUnits({ ...request, remove: true });
  t.throws(() => readlinkSync(enabled), { code: 'ENOENT' });
  t.throws(() => readlinkSync(timer), { code: 'ENOENT' });
  t.notOk(existsSync(join(units, 'snapcommit-recover.service')));
});
