/** Three daemons: joining, a leader that dies, coming back, replacing, stopping, and what must be refused. */
import { existsSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import t from 'tap';
import { Sqlite } from '#src/adapters/store-sqlite/sqlite.js';
import { TestCluster, type TestMember } from '../support/cluster.js';
import { until } from '../support/until.js';

async function addVolume(member: TestMember, cluster: TestCluster, name: string): Promise<void> {
  const { mkdirSync } = await import('node:fs');
  const source = join(cluster.directory, `source-${name}`);
  mkdirSync(source);
  await member.ask('volume', 'add', name, '--source', source, '--driver', 'directory');
}

t.test('a leader that is killed costs nothing that was promised, and the cluster goes on', async (t) => {
  const cluster = new TestCluster(t);
  const members = await cluster.three();
  const [a, b, c] = members;
  await addVolume(a, cluster, 'v');
  await a.ask('group', 'create', 'app', '--volume', 'v');
  t.match(await a.ask('commit', 'app', '--message', 'one'), { generation: 1 });
  t.equal((await b.ask<readonly unknown[]>('list', 'app')).length, 1, 'every member answers');
  const leader = await cluster.leader(a, members);
  const others = members.filter((one) => one !== leader);
  const [first] = others;
  if (first === undefined) throw new Error('no other member');
  // The volume is a's; where a leads, its daemon is killed all the same and a's commands wait for it.
  await leader.end('SIGKILL');
  const next = await cluster.leader(first, others);
  t.not(next.node, leader.node);
  await first.ask('group', 'update', 'app', '--stall-limit', '2s');
  await until('its absence shows', async () => {
    const { members: seen } = await first.status();
    return seen.find(({ node }) => node === leader.node)?.unreachableSince !== null;
  });
  await leader.start();
  await until('it has caught up', async () => {
    const { members: seen } = await leader.status();
    return seen.every(({ lagSlots, unreachableSince }) => lagSlots === 0 && unreachableSince === null);
  });
  t.match(await a.ask('commit', 'app', '--message', 'two'), { generation: 2 });
  for (const member of [a, b, c]) t.equal((await member.ask<readonly unknown[]>('list', 'app')).length, 2, member.node);
});

t.test('a commit waits while a leader is elected', async (t) => {
  const cluster = new TestCluster(t);
  const members = await cluster.three();
  const [a] = members;
  await addVolume(a, cluster, 'v');
  await a.ask('group', 'create', 'app', '--volume', 'v');
  const leader = await cluster.leader(a, members);
  if (leader === a) {
    t.equal((await a.end())?.status, 0, 'a leader that is told to stop hands over and ends with 0');
    await a.start();
    t.not((await cluster.leader(a, members)).node, 'a');
  }
  const now = await cluster.leader(a, members);
  await now.end('SIGKILL');
  t.match(await a.ask('commit', 'app'), { generation: 1 });
});

t.test('without a majority nothing is promised, and what is asked ends', async (t) => {
  const cluster = new TestCluster(t);
  const [a, b, c] = await cluster.three();
  await b.end('SIGKILL');
  await c.end('SIGKILL');
  a.configure({ logTimeoutMs: '1s' });
  const refused = await a.cli(['volume', 'forfeit', 'none']);
  t.equal(refused.status, 6);
  await until('it shows', async () => !(await a.status()).hasQuorum);
  t.match((await a.cli(['cluster', 'status'])).stdout, /No majority/);
  await b.start();
  await until('a majority is back', async () => (await a.cli(['status'])).status === 0);
  t.pass('and it goes on by itself');
});

t.test('a member is replaced by a new one, in one change', async (t) => {
  const cluster = new TestCluster(t);
  const [a, b, c] = await cluster.three();
  await c.end('SIGKILL');
  const d = await cluster.join('d', a);
  t.match(await a.ask('cluster', 'replace', 'c', 'd'), { voters: ['a', 'b', 'd'], learners: [] });
  t.match(await a.ask('cluster', 'replace', 'c', 'd'), { voters: ['a', 'b', 'd'] }, 'asked again, it is done');
  const names = (await d.status()).members.map(({ node }) => node);
  t.same(names, ['a', 'b', 'd']);
  await b.end('SIGKILL');
  await addVolume(a, cluster, 'v');
  t.match(await d.ask('volume', 'list'), [{ name: 'v' }], 'the new one votes');
  await c.start();
  await until('the old one is told', () => c.log.includes('no member any more'));
  t.same(
    (await c.status()).members.map(({ node }) => node),
    names,
    'and knows who is left',
  );
});

t.test('two machines that join at once both come in, and one that is removed twice is out', async (t) => {
  const cluster = new TestCluster(t);
  const [a, b] = await cluster.three();
  const [d, e] = await Promise.all([cluster.join('d', a), cluster.join('e', b)]);
  await until('both have heard of both', async () => (await d.status()).members.length === 5);
  const added = await Promise.all([a.cli(['cluster', 'add', 'd']), b.cli(['cluster', 'remove', 'e'])]);
  t.same(
    added.map(({ status }) => status),
    [0, 0],
    'a vote given and a member removed at once',
  );
  t.match(await a.ask('cluster', 'remove', 'e'), { voters: ['a', 'b', 'c', 'd'], learners: [] }, 'asked again');
  t.equal((await a.cli(['cluster', 'remove', 'nobody'])).status, 3);
  t.ok(e.isRunning);
});

t.test('D10 a founder whose checkpoint cannot be read serves again when its peers have healed it', async (t) => {
  const cluster = new TestCluster(t);
  // When it was founded it knew nobody: whom to ask, it knows from what was kept since.
  const [c, b, a] = await cluster.three();
  c.configure({ checkpointSlots: 16 });
  await c.end();
  await c.start();
  // One of its founding it has from the beginning.
  const { checkpointSlot: founded } = await c.status();
  for (let n = 0; (await c.status()).checkpointSlot === founded; n += 1) await addVolume(a, cluster, `v${String(n)}`);
  await c.end();
  const database = new Sqlite(join(c.stateDirectory, 'log', 'log.sqlite'));
  database.exec("UPDATE checkpoint SET bytes = CAST(bytes || x'21' AS BLOB)");
  database.close();
  await c.start();
  t.match(c.log, /the checkpoint of slot \d+ of .* cannot be read/);
  await until('it is healed', async () => (await c.cli(['cluster', 'status'])).status === 0);
  await b.end('SIGKILL');
  t.match(await c.ask('volume', 'list'), [{ name: 'v0' }], 'and votes');
});

t.test('a token is good for one node, once, and for its own cluster', async (t) => {
  const cluster = new TestCluster(t);
  const a = await cluster.found();
  const file = await cluster.token(a);
  const b = cluster.machine('b');
  const line = (node: TestMember, token: string): readonly string[] => [
    'cluster',
    'join',
    '--token-file',
    token,
    '--node',
    node.node,
    '--address',
    node.address,
  ];
  const killed = await b.cli(line(b, file), { env: { SNAPCOMMIT_CRASH_AT: 'cluster.after-grant' } });
  t.not(killed.status, 0);
  t.equal((await b.cli(line(b, file))).status, 0, 'killed before it was whole, it asks again with the same token');
  t.equal((await b.cli(line(b, file))).status, 4, 'a machine with a log does not join');
  const c = cluster.machine('c');
  const used = await c.cli(['--json', ...line(c, file)]);
  t.equal(used.status, 8);
  t.match(used.json, { error: { code: 'TOKEN_USED' } });
  const damaged = join(cluster.directory, 'damaged');
  writeFileSync(damaged, readFileSync(file, 'utf8').replace(/.{4}\n$/, 'AAAA\n'));
  t.match(await c.cli(line(c, damaged)), { status: 2, stderr: /token/ });
  const named = await cluster.token(a, '--node', 'x');
  t.equal((await c.cli(line(c, named))).status, 8, 'a token for another name');
  const taken = cluster.machine('b2');
  const again = await taken.cli([...line(taken, await cluster.token(a)), '--node', 'a']);
  t.equal(again.status, 4, 'a name that is in use');
  t.equal((await a.cli(['cluster', 'add', 'nobody'])).status, 3);
  t.equal((await a.cli(['cluster', 'remove', 'a'])).status, 4, 'the only voter stays');
});

/** An incarnation of a time that is still to come. */
const UNSEEN = 9_000_000_000_000_000;

t.test('T17 a member that goes on alone after an unsafe recovery refuses those that it gave up', async (t) => {
  const cluster = new TestCluster(t);
  const [a, b, c] = await cluster.three();
  await addVolume(a, cluster, 'v');
  await a.ask('group', 'create', 'app', '--volume', 'v');
  await a.ask('commit', 'app');
  const [volume] = await a.ask<readonly { publishDirectory: string }[]>('volume', 'list');
  for (const member of [a, b, c]) await member.end('SIGKILL');
  t.equal((await a.cli(['cluster', 'recover'])).status, 2, 'not without consent');
  // Of a recovery that this state directory knows nothing of: it is a copy from before it.
  const stamp = join(volume?.publishDirectory ?? '', '.stamp');
  const [identity = '', , slot = ''] = readlinkSync(stamp).split('/');
  rmSync(stamp);
  symlinkSync(`${identity}/${String(UNSEEN)}/${slot}`, stamp);
  const done = await a.ask<{ incarnation: number }>('cluster', 'recover', '--unsafe-discard-others');
  t.match(done, { discarded: ['b', 'c'] });
  t.ok(done.incarnation > UNSEEN, 'above everything that was seen');
  await a.start();
  t.match(await a.status(), { incarnation: done.incarnation, leader: 'a' });
  t.match(await a.ask('commit', 'app'), { generation: 2 });
  t.match(await a.ask('recover'), { actions: [] });
  t.match(await a.ask('verify'), { generations: 2, problems: [] });
  b.configure({ logTimeoutMs: '500ms' });
  await b.start();
  t.equal((await b.cli(['list', 'app'])).status, 6, 'one that comes back all the same promises nothing');
  await b.end();
  const anew = cluster.machine('b', join(cluster.directory, 'anew'));
  const file = await cluster.token(a);
  await anew.ask('cluster', 'join', '--token-file', file, '--node', 'b', '--address', anew.address);
  await anew.start();
  t.match(await a.ask('cluster', 'add', 'b'), { voters: ['a', 'b'] });
  t.equal((await anew.ask<readonly unknown[]>('list', 'app')).length, 2, 'emptied, it joins anew');
});

t.test('the daemon tells its metrics, reads its certificates again, and ends as it is told', async (t) => {
  const cluster = new TestCluster(t);
  const a = await cluster.found();
  await a.end();
  const port = 20_000 + (process.pid % 20_000);
  a.configure({ metricsListen: port });
  await a.start();
  await cluster.leader(a, [a]);
  const text = await fetchText(port, '/metrics');
  for (const name of ['ballot_round', 'leader_changes_total', 'slots_chosen_total', 'batch_entries', 'sync_seconds'])
    t.match(text, new RegExp(`^snapcommit_${name}`, 'm'), name);
  for (const name of ['queue_depth', 'replica_lag_slots', 'refused_total', 'is_leader 1'])
    t.match(text, new RegExp(`snapcommit_${name}`), name);
  t.equal(await fetchText(port, '/'), '404');
  const before = readFileSync(join(a.stateDirectory, 'cluster', 'credentials.json'), 'utf8');
  t.match(await a.ask('cluster', 'renew'), { node: 'a' });
  t.not(readFileSync(join(a.stateDirectory, 'cluster', 'credentials.json'), 'utf8'), before);
  a.signal('SIGHUP');
  await until('it reads them', () => a.log.includes('read the certificates again'));
  const ended = await a.end('SIGINT');
  t.equal(ended?.status, 0);
  t.notMatch(ended?.stderr ?? '', /PRIVATE KEY|snapcommit-join/, 'no secret is logged');
});

t.test('a join that died when all was done leaves no key behind', async (t) => {
  const cluster = new TestCluster(t);
  const a = await cluster.found();
  const b = cluster.machine('b');
  const line = ['cluster', 'join', '--token-file', await cluster.token(a), '--node', 'b', '--address', b.address];
  t.not((await b.cli(line, { env: { SNAPCOMMIT_CRASH_AT: 'cluster.after-store' } })).status, 0);
  const key = join(b.stateDirectory, 'cluster', 'application.json');
  t.ok(existsSync(key));
  await b.start();
  t.notOk(existsSync(key));
});

t.test('a SIGHUP that comes while a daemon stops does not kill it', async (t) => {
  const cluster = new TestCluster(t);
  const a = await cluster.found();
  const b = await cluster.join('b', a);
  await a.ask('cluster', 'add', 'b');
  const leader = await cluster.leader(a, [a, b]);
  // Nobody is there to lead in its place: it looks for one for a while.
  await (leader === a ? b : a).end('SIGKILL');
  const ended = leader.end();
  await until('it stops', () => leader.log.includes('"stopping"'));
  leader.signal('SIGHUP');
  t.match(await ended, { status: 0, signal: null });
});

async function fetchText(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => {
        resolve(response.statusCode === 200 ? text : String(response.statusCode));
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}
