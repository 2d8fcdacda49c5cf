/**
 * Units that were stopped for a swap start again only on whole live trees: never on a mix of old and new ones. There need
 * be no systemd here: the commands see a systemctl that writes down what it was asked and what the live trees showed.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { problemsOf } from '../support/check-world.js';
import { requireBtrfs, requireCommand } from '../support/requirements.js';
import { makeImpatient, startStopped, transactArgs } from '../support/scenario.js';
import { makeWorld } from '../support/world.js';

requireBtrfs(t);
const unshare = requireCommand(t, 'unshare');
const systemctl = requireCommand(t, 'systemctl');
const PROGRAM = join(import.meta.dirname, '..', '..', '..', 'bin', 'snapcommit.js');

const world = await makeWorld(t);
makeImpatient(world);
const log = join(world.directory, 'systemctl.log');
const fake = join(world.directory, 'systemctl');
// Without moving the time of the last access.
const markers = world.volumes.map(({ live }) => `$(dd status=none iflag=noatime if=${live}/marker)`).join(' ');
const inactive = join(world.directory, 'inactive');
const state = `if [ "$1" = is-active ]; then [ -e ${inactive} ] && echo inactive; exit 0; fi`;
const broken = join(world.directory, 'broken');
const refusal = `if [ -e ${broken} ] && [ "$1" = start ]; then echo 'unit is masked' >&2; exit 1; fi`;
const verb = 'if [ "$2" = -- ]; then verb=$1; else verb="$1 $2"; fi';
writeFileSync(fake, `#!/bin/sh\n${state}\n${refusal}\n${verb}\necho "$verb ${markers}" >> ${log}\n`);
chmodSync(fake, 0o755);
await world.ask('group', 'update', 'app', '--stop-unit', 'database.service');
world.mark('old');

/** Runs a command where `systemctl` is ours. */
const OURS = [
  ...[unshare, '--mount', '--propagation', 'private'],
  ...['/bin/sh', '-c', `mount --bind ${fake} ${systemctl} && exec "$@"`, 'sh'],
] as const;

/** Something of somebody's own comes to stand, once it is committed, where the swap of wal has to pass. */
const obstacle = join(world.volume('wal').mount, '.live.snapcommit-exchange');

await t.test('T7 a swap that is finished on one volume only leaves its units stopped', async (t) => {
  const swap = await startStopped(t, world, transactArgs(world, 'new'), 'commit.after', OURS);
  mkdirSync(obstacle);
  swap.resume();
  const { status, stderr } = await swap.done;
  t.equal(status, 109, stderr);
  t.match(stderr, /database\.service.*stopped/);
  t.strictSame(asked(), ['stop old old']);
});

await t.test('T7 neither does a recovery start them before it has finished the swap', (t) => {
  t.equal(run(['recover']).status, 9);
  t.strictSame(asked(), ['stop old old'], 'still stopped');
  rmdirSync(obstacle);
  t.equal(run(['recover']).status, 0);
  // A unit may be ordered after the recovery that starts it: whoever waits for it then waits for itself.
  t.strictSame(asked(), ['stop old old', 'start --no-block new new']);
  t.end();
});

await t.test('T7 after a swap that was finished they start at once', async (t) => {
  writeFileSync(log, '');
  const { status, stderr } = run(['transact', 'app', '--', '/bin/sh', '-c', 'exit 3']);
  t.equal(status, 3, stderr);
  t.strictSame(asked(), [], 'a command that failed stopped none');
  t.equal(run(transactArgs(world, 'newer')).status, 0);
  t.strictSame(asked(), ['stop new new', 'start newer newer']);
  t.strictSame(await problemsOf(world, ['newer']), []);
});

await t.test('T16 a swap whose unit does not start again is committed, and not told as done', (t) => {
  writeFileSync(log, '');
  writeFileSync(broken, '');
  const { status, stderr } = run(transactArgs(world, 'masked'));
  t.equal(status, 109, stderr);
  t.match(stderr, /unit is masked/);
  t.match(stderr, /is committed and published.*database\.service.*snapcommit recover/);
  const restored = run(['restore', 'app@2']);
  t.equal(restored.status, 9, restored.stderr);
  rmSync(broken);
  writeFileSync(log, '');
  t.equal(run(['recover']).status, 0);
  t.match(asked().join(), /start --no-block newer newer/, 'recovery starts it');
  t.end();
});

await t.test('a unit that was not running is not started', (t) => {
  writeFileSync(log, '');
  writeFileSync(inactive, '');
  const { status, stderr } = run(transactArgs(world, 'newest'));
  t.equal(status, 0, stderr);
  t.strictSame(asked(), [], 'it was neither stopped nor started');
  t.end();
});

function asked(): readonly string[] {
  return existsSync(log) ? readFileSync(log, 'utf8').split('\n').filter(Boolean) : [];
}

function run(args: readonly string[]): { readonly status: number | null; readonly stderr: string } {
  const [command, ...words] = OURS;
  return spawnSync(command, [...words, process.execPath, PROGRAM, ...args], {
    encoding: 'utf8',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', NO_COLOR: '1', SNAPCOMMIT_STATE_DIR: world.stateDirectory },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}
