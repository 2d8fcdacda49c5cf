/** Volumes whose live path is a mount point: transact and restore replace what is mounted, where the kernel can. */
import { readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { makeBtrfs, run } from '../support/btrfs.js';
import { textAt } from '../support/answers.js';
import { cli } from '../support/run-cli.js';
import { requireBtrfs } from '../support/requirements.js';

requireBtrfs(t);

const [major = 0, minor = 0] = release().split('.').map(Number);
const canReplace = major > 6 || (major === 6 && minor >= 5);

await t.test('a mounted subvolume is captured, and swapped where it is mounted', async (t) => {
  const disks = ['db', 'wal'].map((name) => {
    const btrfs = makeBtrfs(t);
    writeFileSync(join(btrfs.subvolume('live'), 'marker'), 'one');
    run('mkdir', join(btrfs.mount, 'snapshots'));
    return { name, btrfs, live: btrfs.mountSubvolume('live'), publish: join(btrfs.mount, 'snapshots', name) };
  });
  const stateDirectory = join(disks[0]?.btrfs.outside ?? '', 'state');
  const ask = async (...args: readonly string[]): Promise<unknown> => {
    const result = await cli(['--json', ...args], { stateDirectory });
    if (result.status === 0) return result.json;
    throw new Error(`${args.join(' ')}: status ${String(result.status)} ${result.stdout}${result.stderr}`);
  };
  const markers = (): readonly string[] => disks.map(({ live }) => readFileSync(join(live, 'marker'), 'utf8').trim());
  const write = disks.map(({ live }) => `echo two > ${live}/marker`).join('; ');

  await ask('init', '--node', 'host');
  for (const { name, live, publish } of disks) {
    await ask('volume', 'add', name, '--source', live, '--publish', publish, '--driver', 'btrfs');
  }
  await ask('group', 'create', 'app', '--volume', 'db', 'wal');
  t.match(await ask('commit', 'app'), { generation: 1 }, 'capture always works');

  const transacted = await cli(['--json', 'transact', 'app', '--', '/bin/sh', '-c', write], { stateDirectory });
  if (!canReplace) {
    t.equal(transacted.status, 102);
    t.match(textAt(transacted.json, 'error.message'), 'Linux 6.5', 'it says why it does not work here');
    return;
  }
  t.equal(transacted.status, 0, transacted.stdout);
  t.strictSame(markers(), ['two', 'two'], 'the mount points show the new trees');
  await ask('restore', 'app@1');
  t.strictSame(markers(), ['one', 'one']);
  for (const { live } of disks) {
    t.equal(run('findmnt', '-rn', '-o', 'TARGET', live).trim(), live, 'one mount stands there, none is hidden');
    writeFileSync(join(live, 'marker'), 'three');
  }
  await ask('commit', 'app');
  t.strictSame(await ask('verify'), { generations: 4, problems: [], notAsked: [] });
  t.strictSame(await ask('recover'), { actions: [], failures: [] });

  const crashed = await cli(['transact', 'app', '--', '/bin/sh', '-c', write], {
    stateDirectory,
    env: { SNAPCOMMIT_CRASH_AT: 'exchange.after-mount-beneath' },
  });
  t.equal(crashed.signal, 'SIGKILL', crashed.stderr);
  await ask('recover');
  t.strictSame(markers(), ['two', 'two'], 'a crash in the middle is finished');
  t.strictSame(await ask('recover'), { actions: [], failures: [] });
});
