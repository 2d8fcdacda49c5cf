/** How one machine's log becomes a cluster's first member: with all that it holds, in one moment, and never twice. */
import { mkdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { openStore } from '#src/adapters/store-sqlite/index.js';
import { LOG_FILE, openEmbeddedLog } from '#src/daemon/embedded-log.js';
import { initCluster } from '#src/daemon/cluster/found.js';
import { CRASH_POINTS } from '#src/crash-points.js';
import { clock, volumeNamed } from '../log/support.js';
import { TestCluster, type TestMember } from '../support/cluster.js';

/** A machine with the group `app` and one generation of it. */
async function withGeneration(cluster: TestCluster): Promise<TestMember> {
  const member = cluster.machine('a');
  await member.ask('init', '--node', 'a');
  const source = join(cluster.directory, 'source');
  mkdirSync(source);
  await member.ask('volume', 'add', 'v', '--source', source, '--driver', 'directory');
  await member.ask('group', 'create', 'app', '--volume', 'v');
  await member.ask('commit', 'app');
  return member;
}

t.test('T2 with no daemon, a cluster’s member is opened by nobody, whatever is asked', async (t) => {
  const cluster = new TestCluster(t);
  const member = await withGeneration(cluster);
  await member.ask('cluster', 'init', '--address', member.address);
  for (const line of [
    'status',
    'list app',
    'commit app',
    'recover',
    'hold add app@1',
    'log export',
    'cluster status',
  ]) {
    const result = await member.cli(line.split(' '));
    t.equal(result.status, 6, line);
    t.match(result.stderr, /snapcommit daemon/, line);
  }
  await member.start();
  t.equal((await member.ask<readonly unknown[]>('list', 'app')).length, 1, 'and nothing of it was done');
  t.same(await member.ask('hold', 'list', 'app'), []);
});

t.test('D9 a rolled-back log becomes no cluster', async (t) => {
  const cluster = new TestCluster(t);
  const member = await withGeneration(cluster);
  const [volume] = await member.ask<readonly { publishDirectory: string }[]>('volume', 'list');
  const stamp = join(volume?.publishDirectory ?? '', '.stamp');
  const [identity = '', incarnation = ''] = readlinkSync(stamp).split('/');
  rmSync(stamp);
  symlinkSync(`${identity}/${incarnation}/999`, stamp);
  const refused = await member.cli(['--json', 'cluster', 'init', '--address', member.address]);
  t.match(refused.json, { error: { code: 'LOG_BEHIND_STAMP' } });
});

t.test('T2 a command that had the log open before the marking does nothing more with it', async (t) => {
  const cluster = new TestCluster(t);
  const member = await withGeneration(cluster);
  const log = await openEmbeddedLog(join(member.stateDirectory, 'log'), { clock });
  t.teardown(() => {
    log.close();
  });
  t.match(await log.append(volumeNamed('before')), { status: 'chosen' });
  await initCluster({ stateDirectory: member.stateDirectory, address: member.address });
  await t.rejects(log.append(volumeNamed('after')), { code: 'UNAVAILABLE' });
  await t.rejects(log.read(), { code: 'UNAVAILABLE' });
});

t.test(
  'a member that joins is sent no entry of before: however large they are, a checkpoint brings them',
  async (t) => {
    const cluster = new TestCluster(t);
    const { stateDirectory, address } = await withGeneration(cluster);
    await initCluster({ stateDirectory, address });
    const store = openStore(join(stateDirectory, 'log', LOG_FILE));
    t.teardown(() => {
      store.close();
    });
    const { decided, base } = store.snapshot(({ head }) => head);
    t.equal(base, decided);
  },
);

const POINTS = Object.keys(CRASH_POINTS).filter((point) =>
  ['before-credentials', 'after-credentials', 'before-mark', 'after-mark'].some((name) => point === `cluster.${name}`),
);
for (const point of POINTS) {
  t.test(`T2 killed at ${point}, \`cluster init\` leaves one log, with every generation`, async (t) => {
    const cluster = new TestCluster(t);
    const member = await withGeneration(cluster);
    const args = ['cluster', 'init', '--address', member.address];
    const killed = await member.cli(args, { env: { SNAPCOMMIT_CRASH_AT: point } });
    t.equal(killed.signal, 'SIGKILL');
    if (point !== 'cluster.after-mark') {
      t.equal((await member.ask<readonly unknown[]>('list', 'app')).length, 1, 'it is still this machine’s own');
      t.equal((await member.cli(['daemon'])).status, 6, 'and no daemon takes it');
      await member.ask('commit', 'app');
      await member.ask(...args);
    }
    t.equal((await member.cli(['list', 'app'])).status, 6, 'it is the daemon’s');
    t.equal((await member.cli(args)).status, 4, 'and not made one twice');
    await member.start();
    await member.ask('commit', 'app');
    t.equal((await member.ask<readonly unknown[]>('list', 'app')).length, point === 'cluster.after-mark' ? 2 : 3);
  });
}

t.test('one daemon a state directory; the second one says which', async (t) => {
  const cluster = new TestCluster(t);
  const member = await cluster.found();
  const second = await member.cli(['--json', 'daemon']);
  t.equal(second.status, 4);
  t.match(second.json, { error: { code: 'BUSY', message: new RegExp(`pid ${String(member.pid)}`) } });
  t.equal((await member.cli(['cluster', 'recover'])).status, 4, 'nor is it recovered under the daemon');
  await member.end('SIGKILL');
  await member.start();
  t.match(await member.status(), { leader: 'a' }, 'a daemon that was killed leaves nothing in the way');
});

t.test('a daemon needs a cluster’s member', async (t) => {
  const cluster = new TestCluster(t);
  const member = cluster.machine('a');
  t.equal((await member.cli(['daemon', '--state-dir', join(cluster.directory, 'none')])).status, 3);
  await member.ask('init', '--node', 'a');
  const refused = await member.cli(['daemon']);
  t.equal(refused.status, 6);
  t.match(refused.stderr, /cluster init/);
  t.equal((await member.cli(['cluster', 'status'])).status, 6);
  t.equal((await member.cli(['cluster', 'recover', '--unsafe-discard-others'])).status, 6);
});
