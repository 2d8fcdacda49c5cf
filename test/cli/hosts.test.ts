/** What people ask of and are told about several hosts: moving, draining, stale answers, nodes that cannot be asked. */
import t from 'tap';
import type { SnapcommitNode } from '#src/index.js';
import { run, type World } from './fake.js';
import { GENERATION } from './fake-answers.js';

const STALE: World = { node: { freshness: () => ({ stale: true, asOfSlot: 37 }) } };
const LINE = 'stale: as of slot 37; this node cannot reach a majority\n';

t.test('a volume that moved is asked for with absolute paths, or with what is known', async (t) => {
  const moved = await run(['volume', 'move', 'db', '--source', 'mnt/db', '--publish', '/mnt/.p/db']);
  t.same(moved.calls[0]?.args, [{ name: 'db', source: '/work/mnt/db', publishDirectory: '/mnt/.p/db' }]);
  t.match(moved.stdout, /^Volume db is on node n1 now\.\n/);
  const plain = await run(['volume', 'move', 'db']);
  t.same(plain.calls[0]?.args, [{ name: 'db', source: null, publishDirectory: null }]);
});

t.test('draining says what still keeps the node', async (t) => {
  const drained = await run(['cluster', 'drain', 'n2']);
  t.match(drained.stdout, /^n2 begins no transactions any more\.\nvolumes +wal\n/);
  t.match(drained.stdout, /^publishing +app@12$/m);
  const idle = { node: 'n2', draining: true, volumes: [], groups: [], transactions: [], pendingPublish: [], pins: [] };
  const free = await run(['cluster', 'drain', 'n2'], { node: { drainNode: async () => Promise.resolve(idle) } });
  t.match(free.stdout, /Nothing waits for it: `snapcommit cluster remove n2`/);
  t.match((await run(['cluster', 'undrain', 'n2'])).calls[0], { method: 'undrainNode', args: ['n2'] });
});

t.test('volumes are forfeited with their node only where that is said', async (t) => {
  t.match((await run(['cluster', 'remove', 'n2'])).calls[1], { method: 'removeMember', args: ['n2', false] });
  const forfeited = await run(['cluster', 'remove', 'n2', '--forfeit-volumes']);
  t.match(forfeited.calls[1], { method: 'removeMember', args: ['n2', true] });
});

t.test('a stale answer is marked in text and JSON, and only --stale gets one', async (t) => {
  for (const argv of [['open', 'app'], ['list', 'app'], ['status']]) {
    const ran = await run([...argv, '--stale'], STALE);
    t.ok(ran.stdout.startsWith(LINE), argv.join(' '));
    t.match(ran.opened, [{ stale: true }]);
    t.match(JSON.parse((await run([...argv, '--stale', '--json'], STALE)).stdout), { stale: true, asOfSlot: 37 });
    const fresh = await run([...argv, '--stale', '--json']);
    t.match(JSON.parse(fresh.stdout), { stale: false, asOfSlot: null });
    const plain = await run([...argv, '--json']);
    t.match(plain.opened, [{ stale: false }]);
    t.notOk('stale' in (JSON.parse(plain.stdout) as object), 'as ever without it');
  }
  const executed = await run(['exec', 'app', '--stale', '--json', '--', 'true'], STALE);
  t.match(JSON.parse(executed.stdout), { stale: true, asOfSlot: 37, status: 0 });
});

t.test('open asks for this node alone where that is wanted', async (t) => {
  const asked = { group: 'app', generation: null, hold: null };
  t.same((await run(['open', 'app'])).calls[0]?.args, [{ ...asked, localOnly: false }]);
  t.same((await run(['open', 'app', '--local-only'])).calls[0]?.args, [{ ...asked, localOnly: true }]);
});

t.test(
  'a node that cannot be asked is no problem of the volumes: verify ends with 6 and says what it has seen',
  async (t) => {
    const notAsked = [{ node: 'n2', reason: 'it is out of reach' }];
    const problem = { group: 'app', generation: 12, volume: 'db', problem: 'is gone' };
    const verifying = (problems: readonly (typeof problem)[]): { readonly node: Partial<SnapcommitNode> } => ({
      node: { verify: async () => Promise.resolve({ generations: 3, problems, notAsked }) },
    });
    const ran = await run(['verify'], verifying([]));
    t.equal(ran.status, 6);
    t.equal(
      ran.stdout,
      'node n2 was not asked: it is out of reach\n' +
        'Verified 3 generations: no problems; what node n2 has of them was not looked at.\n',
    );
    t.equal((await run(['verify'], verifying([problem]))).status, 10);
  },
);

t.test('a running commit shows how far each node is', async (t) => {
  const progressing: World = {
    isTTY: true,
    onOpen: ({ report }) => {
      report?.({ kind: 'host', node: 'a', phase: 'freeze' });
      report?.({ kind: 'host', node: 'b', phase: 'freeze' });
      report?.({ kind: 'host', node: 'a', phase: 'freeze: done' });
    },
  };
  t.match((await run(['commit', 'app'], progressing)).stderr, 'a freeze: done, b freeze');
  const logged = await run(['--verbose', 'commit', 'app'], { ...progressing, isTTY: false });
  t.match(logged.stderr, /"node":"b","phase":"freeze"/);
});

t.test('what a node shall freeze is written with its name', async (t) => {
  const ran = await run([
    'group',
    'create',
    'g',
    '--volume',
    'db',
    '--freeze-cgroup',
    'b:/app',
    '--freeze-unit',
    'c:x.service',
  ]);
  t.match(ran.calls[0]?.args, [{ freezeCgroups: ['b:/app'], freezeUnits: ['c:x.service'] }]);
  const bad = await run(['group', 'create', 'g', '--volume', 'db', '--freeze-cgroup', 'b:app']);
  t.match(bad, { status: 2, stderr: /NODE:\/app\/writers/ });
});

t.test('show tells how long each of several hosts stood still', async (t) => {
  const hosts = [
    { node: 'n1', stallMs: 23, skewMs: 4 },
    { node: 'n2', stallMs: 19, skewMs: 2 },
  ];
  const shown = (some: typeof hosts): World => ({
    node: {
      show: async () => Promise.resolve({ ...GENERATION, consistency: { ...GENERATION.consistency, hosts: some } }),
    },
  });
  const over = (await run(['show', 'app@12'], shown(hosts))).stdout;
  t.match(over, /^skew +4 ms\n {2}on n1 +stall 23 ms, skew 4 ms\n {2}on n2 +stall 19 ms, skew 2 ms\nfrozen/m);
  const one = (await run(['show', 'app@12'], shown(hosts.slice(0, 1)))).stdout;
  t.notMatch(one, /on n1 +stall/, 'of a single one it is said already');
});
