/** What the library is asked for, by what was typed. */
import { hostname } from 'node:os';
import t from 'tap';
import { run } from './fake.js';

const asked = async (argv: readonly string[], env?: Readonly<Record<string, string>>) => {
  const ran = await run(argv, env === undefined ? {} : { env });
  if (ran.status !== 0) throw new Error(`${argv.join(' ')}: ${ran.stderr}`);
  return ran.calls.find(({ method }) => method !== 'close');
};
/** Its data: neither the signal nor who listens. */
const request = async (argv: readonly string[], env?: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    Object.entries((await asked(argv, env))?.args[0] ?? {}).filter(
      ([, value]) => !(value instanceof AbortSignal) && typeof value !== 'function',
    ),
  );

t.test('global options stand before or after the command, and between its words', async (t) => {
  for (const argv of [
    ['--state-dir', '/elsewhere', '--json', 'volume', 'list'],
    ['volume', '--state-dir=/elsewhere', '--json', 'list'],
    ['volume', 'list', '--json', '--state-dir', '/elsewhere'],
  ]) {
    const ran = await run(argv);
    t.equal(ran.opened[0]?.stateDirectory, '/elsewhere', argv.join(' '));
    t.match(JSON.parse(ran.stdout), [{ name: 'db' }]);
  }
});

t.test('the state directory: option, then environment, then default; relative to the working directory', async (t) => {
  const stateDirectory = async (argv: readonly string[], env: Readonly<Record<string, string>>) =>
    (await run(['status', ...argv], { env })).opened[0]?.stateDirectory;
  t.equal(await stateDirectory([], {}), '/var/lib/snapcommit');
  t.equal(await stateDirectory([], { SNAPCOMMIT_STATE_DIR: '' }), '/var/lib/snapcommit');
  t.equal(await stateDirectory([], { SNAPCOMMIT_STATE_DIR: 'mine' }), '/work/mine');
  t.equal(await stateDirectory(['--state-dir', '../x'], { SNAPCOMMIT_STATE_DIR: 'mine' }), '/x');
});

t.test('commit', async (t) => {
  t.same(await request(['commit', 'app']), {
    group: 'app',
    message: '',
    labels: {},
    require: null,
    expectGeneration: null,
    requestId: null,
  });
  const argv = ['commit', 'app', '--message', '-m', '--label', 'a=1', 'b=x=y', '--label', 'c=', '--require', 'barrier'];
  t.same(await request([...argv, '--expect-generation', '0', '--request-id', 'nightly:1', '--wait']), {
    group: 'app',
    message: '-m',
    labels: { a: '1', b: 'x=y', c: '' },
    require: 'barrier',
    expectGeneration: 0,
    requestId: 'nightly:1',
  });
  t.equal((await asked(['commit', 'app']))?.args[1], false);
  t.equal((await asked(['commit', 'app', '--wait']))?.args[1], true);
  t.equal((await asked(['commit', 'app', '--dry-run']))?.method, 'commitDryRun');
  t.equal((await asked(['transact', 'app', '--dry-run', '--', 'true']))?.method, 'transactDryRun');
  t.equal((await asked(['restore', 'app@1', '--dry-run']))?.method, 'restoreDryRun');
});

t.test('transact and exec hand their command on as it is, in our place, without our crash tests', async (t) => {
  const env = { PATH: '/bin', SNAPCOMMIT_CRASH_AT: 'x', SNAPCOMMIT_STOP_AT: 'x', SNAPCOMMIT_STATE_DIR: '/state' };
  const words = ['--', 'sh', '-c', 'exit 0', '--json', '--', '--help'];
  const given = {
    command: ['sh', '-c', 'exit 0', '--json', '--', '--help'],
    environment: { PATH: '/bin', SNAPCOMMIT_STATE_DIR: '/state' },
    workingDirectory: '/work',
    mount: true,
    stdout: 'inherit',
  };
  t.match(await request(['transact', 'app', ...words], env), { group: 'app', ...given });
  t.match(await request(['transact', 'app', '--no-mount', '--json', ...words], env), {
    mount: false,
    stdout: 'stderr',
  });
  t.same(await request(['exec', 'app@3', ...words], env), { group: 'app', generation: 3, ...given });
  t.match(await request(['exec', '--json', 'app', '--no-mount', ...words], env), {
    generation: null,
    mount: false,
    stdout: 'stderr',
  });
});

t.test('restore', async (t) => {
  t.match(await request(['restore', 'app@9', '--request-id', 'r']), {
    group: 'app',
    sourceGeneration: 9,
    requestId: 'r',
  });
});

t.test('a group is created with defaults, and updated only in what is given', async (t) => {
  t.same(await request(['group', 'create', 'app', '--volume', 'db', 'wal']), {
    name: 'app',
    volumes: ['db', 'wal'],
    freezeCgroups: [],
    freezeUnits: [],
    stopUnits: [],
    require: null,
    stallLimitMs: 5000,
    preHooks: [],
    postHooks: [],
  });
  const update = async (...options: string[]) => (await asked(['group', 'update', 'app', ...options]))?.args;
  t.same(await update('--stall-limit', '500ms'), ['app', { stallLimitMs: 500 }]);
  t.same(await update('--require', 'any'), ['app', { require: null }]);
  t.same(await update('--pre-hook', ''), ['app', { preHooks: [] }], 'an empty text clears the list');
  t.same(await update('--pre-hook', 'a.sh', '--pre-hook', '/b.sh'), ['app', { preHooks: ['/work/a.sh', '/b.sh'] }]);
  t.same(await update('--freeze-cgroup', '/a', '/b', '--freeze-unit', 'x.service', '--stop-unit', ''), [
    'app',
    { freezeCgroups: ['/a', '/b'], freezeUnits: ['x.service'], stopUnits: [] },
  ]);
  t.same((await asked(['group', 'remove', 'app']))?.args, ['app', false]);
  t.same((await asked(['group', 'remove', 'app', '--with-generations']))?.args, ['app', true]);
});

t.test('a volume', async (t) => {
  t.same(await request(['volume', 'add', 'db', '--source', 'data/']), {
    name: 'db',
    source: '/work/data',
    driver: null,
    publishDirectory: null,
  });
  t.same(await request(['volume', 'add', 'db', '--source', 'tank/db', '--driver', 'zfs', '--publish', 'p']), {
    name: 'db',
    source: 'tank/db',
    driver: 'zfs',
    publishDirectory: '/work/p',
  });
  t.same(await request(['volume', 'add', 'app', '--source', 'tank/app', '--recursive', '--dry-run']), {
    name: 'app',
    source: 'tank/app',
    driver: null,
    publishDirectory: null,
    dryRun: true,
  });
});

t.test('the rest', async (t) => {
  const call = async (...argv: string[]) => {
    const { method, args } = (await asked(argv)) ?? {};
    return [method, ...(args ?? [])];
  };
  t.same(await call('init', '--node', 'n1'), ['initNode', { stateDirectory: '/state', node: 'n1' }]);
  const rebuild = {
    stateDirectory: '/state',
    node: null,
    defaultNode: hostname(),
    directories: ['/work/a', '/b'],
    exportFile: null,
    acceptLoss: false,
  };
  t.same(await call('init', '--from-volumes', 'a', '/b'), ['rebuildNode', rebuild]);
  t.same(await call('init', '--from-volumes', 'a', '/b', '--accept-loss', '--dry-run'), ['rebuildNode', rebuild]);
  t.same(await call('init', '--from-volumes', 'a', '/b', '--accept-loss', '--node', 'n'), [
    'rebuildNode',
    { ...rebuild, node: 'n', defaultNode: 'n', acceptLoss: true },
  ]);
  t.same(await call('init', '--from-export', 'log.json'), [
    'rebuildNode',
    { ...rebuild, directories: [], exportFile: '/work/log.json' },
  ]);
  t.same(await call('init'), ['initNode', { stateDirectory: '/state', node: hostname() }]);
  t.same(await call('open', 'app', '--stale'), [
    'open',
    { group: 'app', generation: null, hold: null, localOnly: false },
  ]);
  t.same(await call('open', 'app@3', '--hold', 'x'), [
    'open',
    { group: 'app', generation: 3, hold: 'x', localOnly: false },
  ]);
  t.same(await call('hold', 'add', 'app@3'), ['addHold', { group: 'app', generation: 3 }, 'manual']);
  t.same(await call('hold', 'release', 'app@3', '--tag', 'x'), ['releaseHold', { group: 'app', generation: 3 }, 'x']);
  t.same(await call('diff', 'app@1', 'app@2'), ['diff', 'app', 1, 2]);
  t.same(await call('verify'), ['verify', null, null]);
  t.same(await call('verify', 'app'), ['verify', 'app', null]);
  t.same(await call('verify', 'app@3'), ['verify', 'app', 3]);
  t.same(await call('recover'), ['recover', false, false]);
  t.same(await call('recover', '--dry-run'), ['recover', true, false]);
  t.same(await call('recover', '--local-only'), ['recover', false, true]);
  t.same(await call('thaw', '--all'), ['thaw', '/state', true]);
  t.same(await call('thaw', '--abandoned'), ['thaw', '/state', false]);
  t.same(await call('doctor'), ['doctor', '/state']);
  t.same(await call('transaction', 'abort', 'id'), ['abortTransaction', 'id']);
  const rules = { keepLast: 3, keepHourly: 0, keepDaily: 7, keepWeekly: 0, keepMonthly: 0, keepYearly: 1 };
  t.same(await call('prune', 'app', '--keep-last', '3', '--keep-daily', '7', '--keep-yearly', '1', '--dry-run'), [
    'prune',
    { group: 'app', rules, dryRun: true },
  ]);
});

t.test('whatever happens, the node is closed', async (t) => {
  t.equal((await run(['status'])).calls.at(-1)?.method, 'close');
  const failed = await run(['status'], { node: { status: async () => Promise.reject(new Error('x')) } });
  t.same(failed.calls, [{ method: 'close', args: [] }]);
});
