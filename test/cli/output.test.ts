/** What people read, and what programs read. */
import t from 'tap';
import { COMMANDS } from '#src/cli/command-table.js';
import { run, type World } from './fake.js';
import { GENERATION } from './fake-answers.js';

const text = async (argv: readonly string[], world?: World) => (await run(argv, world)).stdout;

/** A valid command line for every command. */
const LINES: Readonly<Record<string, string>> = {
  init: 'init --node n1',
  'volume add': 'volume add db --source /srv/db',
  'volume show': 'volume show db',
  'volume move': 'volume move db',
  'volume remove': 'volume remove db',
  'volume forfeit': 'volume forfeit db',
  'group create': 'group create app --volume db',
  'group show': 'group show app',
  'group update': 'group update app --require any',
  'group remove': 'group remove app',
  commit: 'commit app',
  transact: 'transact app -- true',
  restore: 'restore app@9',
  diff: 'diff app@11 app@12',
  list: 'list app',
  show: 'show app@12',
  open: 'open app',
  exec: 'exec app -- true',
  'hold add': 'hold add app@12',
  'hold release': 'hold release app@12',
  'hold list': 'hold list app',
  prune: 'prune app --keep-last 1',
  thaw: 'thaw --all',
  'transaction show': 'transaction show id',
  'transaction abort': 'transaction abort id',
  'cluster init': 'cluster init --address 10.0.0.1:7420',
  'cluster join': 'cluster join --token-file - --node n2 --address 10.0.0.2:7420',
  'cluster add': 'cluster add n2',
  'cluster remove': 'cluster remove n2',
  'cluster drain': 'cluster drain n2',
  'cluster undrain': 'cluster undrain n2',
  'cluster replace': 'cluster replace n2 n3',
  'cluster recover': 'cluster recover --unsafe-discard-others',
};

t.test('with --json every command prints exactly one JSON document', async (t) => {
  for (const name of Object.keys(COMMANDS)) {
    const ran = await run(['--json', ...(LINES[name] ?? name).split(' ')], { stdin: 'a secret' });
    t.equal(ran.status, 0, name);
    t.equal(ran.stderr, '', name);
    t.equal(ran.stdout.split('\n').length, 2, `${name}: one line`);
    t.ok(typeof JSON.parse(ran.stdout) === 'object', name);
  }
});

t.test('with --json every failure is one JSON document on stdout', async (t) => {
  for (const name of Object.keys(COMMANDS)) {
    const fail = async (): Promise<never> => Promise.reject(new Error('broken'));
    const openers = {
      openNode: fail,
      initNode: fail,
      rebuildNode: fail,
      doctor: fail,
      thaw: fail,
      runDaemon: fail,
      openCluster: fail,
      initCluster: fail,
      joinCluster: fail,
      recoverCluster: fail,
      installUnits: fail,
    };
    const ran = await run(
      [
        ...(LINES[name] ?? name).split(' ').slice(0, name.split(' ').length),
        '--json',
        ...(LINES[name] ?? name).split(' ').slice(name.split(' ').length),
      ],
      { openers, stdin: 'a secret' },
    );
    if (name === 'debug crash-points') continue;
    t.same(JSON.parse(ran.stdout), { error: { code: 'INTERNAL', message: 'broken', details: {} } }, name);
    t.equal(ran.status, ['exec', 'transact'].includes(name) ? 101 : 1, name);
  }
});

t.test('the documents are the library’s own', async (t) => {
  const json = async (line: string): Promise<unknown> => JSON.parse(await text(['--json', ...line.split(' ')]));
  t.same(await json('commit app'), GENERATION);
  t.same(await json('list app'), [GENERATION]);
  t.same(await json('open app'), {
    group: 'app',
    generation: 12,
    view: '/state/views/app/app@12',
    volumes: { db: { node: 'n1', path: '/srv/.snapcommit/db/app@12' }, wal: { node: 'n2', path: null } },
  });
  t.same(await json('recover'), { actions: [], failures: [] });
  t.same(await json('verify'), { generations: 3, problems: [], notAsked: [] });
  t.same(await json('hold list app@12'), [{ group: 'app', generation: 12, tag: 'manual' }]);
  t.match(await json('debug crash-points'), [{ point: 'log.before-sync', phase: 'log' }]);
});

t.test('G13 the answer of a commit says the grade that was reached', async (t) => {
  const committed =
    'app@12 committed: grade barrier, stall 23 ms, 2 volumes\n' +
    '  db   /srv/.snapcommit/db/app@12\n' +
    '  wal  on node n2\n';
  t.equal(await text(['commit', 'app']), committed);
  t.match(await text(['show', 'app@12']), /^grade +barrier$/m);
  t.match(await text(['list', 'app']), /^app@12 +2026-11-22 10:00:01Z +barrier +published +audit +nightly$/m);
});

t.test('open prints one line a volume, and the view', async (t) => {
  t.equal(
    await text(['open', 'app']),
    'app@12\ndb    /srv/.snapcommit/db/app@12\nwal   node n2\nview  /state/views/app/app@12\n',
  );
});

t.test('G7 status names an open transaction, what is pending and what is frozen', async (t) => {
  const group = { group: 'app', generation: 12, committedAt: GENERATION.committedAt, open: 't1', pendingPublish: [12] };
  const report = {
    node: 'n1',
    cluster: 'c1',
    engine: 'paxos',
    log: { lastSlot: 40, checkpointSlot: 32 },
    groups: [group],
    transactions: [
      {
        transaction: 't1',
        group: 'app',
        mode: 'capture' as const,
        coordinator: { node: 'n2', pid: 77 },
        beganAt: GENERATION.committedAt,
        phase: 'stage',
        waitingFor: [{ node: 'n3', phase: 'stage', sinceMs: 2100 }],
        takenOver: false,
        unknownBecause: null,
      },
      {
        transaction: 't2',
        group: 'web',
        mode: 'transact' as const,
        coordinator: { node: 'n4', pid: 78 },
        beganAt: GENERATION.committedAt,
        phase: null,
        waitingFor: [],
        takenOver: true,
        unknownBecause: 'node n4 cannot be reached',
      },
    ],
    pendingPublish: [{ group: 'app', generation: 12, nodes: ['n2', 'n3'], sinceMs: 180_000 }],
    frozen: ['/app/writers'],
  };
  t.equal(
    await text(['status'], { node: { status: async () => Promise.resolve(report) } }),
    'node  n1 (cluster c1)\nlog   paxos, slot 40, checkpoint 32\n\n' +
      'GROUP  NEWEST  COMMITTED             STATE\n' +
      'app    app@12  2026-11-22 10:00:01Z  transaction t1 open; publishing 12 pending\n' +
      't1 (capture of app): driven by process 77 on n2 since 2026-11-22 10:00:01Z; phase stage; ' +
      'waiting for n3 (stage, 2.1 s)\n' +
      't2 (transact of web): driven by process 78 on n4 since 2026-11-22 10:00:01Z; taken over, to be aborted; ' +
      'phase unknown: node n4 cannot be reached\n' +
      'app@12: node n2, n3 has not published it for 3 min\n' +
      'frozen: /app/writers\n' +
      '`snapcommit recover` finishes what is pending.\n',
  );
});

t.test('verify answers its problems with status 10', async (t) => {
  const problems = [{ group: 'app', generation: 12, volume: 'db', problem: 'is gone' }];
  const node = { verify: async () => Promise.resolve({ generations: 3, problems, notAsked: [] }) };
  const ran = await run(['verify'], { node });
  t.equal(ran.status, 10);
  t.equal(ran.stdout, 'GENERATION  VOLUME  PROBLEM\napp@12      db      is gone\nVerified 3 generations: 1 problem.\n');
  const json = await run(['verify', '--json'], { node });
  t.equal(json.status, 10);
  t.match(JSON.parse(json.stdout), { generations: 3, problems, error: { code: 'VERIFY_FAILED' } });
  t.equal(await text(['verify']), 'Verified 3 generations: no problems.\n');
});

t.test('recover prints its plan, and fails with the worst of what failed', async (t) => {
  const publish = { action: 'publish', target: 'app@12', reason: 'committed' } as const;
  const pay = { action: 'pay', target: '/hook', reason: 'owed' } as const;
  const recovering = (failed: readonly (typeof publish | typeof pay)[]) => ({
    node: {
      recover: async () =>
        Promise.resolve({ actions: [publish, pay], failures: failed.map((action) => ({ action, reason: 'no' })) }),
    },
  });
  t.equal(await text(['recover']), 'Nothing to do.\n');
  const lines = 'publish app@12 — committed\npay /hook — owed\n';
  t.match(await run(['recover'], recovering([])), { status: 0, stdout: lines });
  t.match(await run(['recover'], recovering([pay])), { status: 5, stdout: `${lines}FAILED: pay /hook — owed: no\n` });
  t.match(await run(['recover'], recovering([pay, publish])), { status: 9 });
  const json = await run(['recover', '--json'], recovering([publish]));
  t.same(JSON.parse(json.stdout), { actions: [publish, pay], failures: [{ action: publish, reason: 'no' }] });
  const report = { action: 'report', target: 'db', reason: 'no disk' } as const;
  const gone = { actions: [report], failures: [{ action: report, reason: report.reason }] };
  const ran = await run(['recover'], { node: { recover: async () => Promise.resolve(gone) } });
  t.match(ran, { status: 6, stdout: 'report db — no disk\nFAILED: report db — no disk\n' });
});

t.test('recover of this node alone warns of leftovers that cannot be deleted, and of nothing else', async (t) => {
  const remove = { action: 'remove', target: 'db: .trash~1', reason: 'trash' } as const;
  const reopen = { action: 'reopen', target: 'db', reason: 'it is over' } as const;
  const recovering = (failed: readonly (typeof remove | typeof reopen)[]) => {
    const report = { actions: failed, failures: failed.map((action) => ({ action, reason: 'in use' })) };
    return { node: { recover: async () => Promise.resolve(report) } };
  };
  const line = 'remove db: .trash~1 — trash';
  t.match(await run(['recover', '--local-only'], recovering([remove])), {
    status: 0,
    stdout: `${line}\nwarning: ${line}: in use\n`,
  });
  const json = await run(['recover', '--local-only', '--json'], recovering([remove]));
  t.equal(json.status, 0);
  t.same(JSON.parse(json.stdout), { actions: [remove], failures: [{ action: remove, reason: 'in use' }] });
  t.match(await run(['recover', '--local-only'], recovering([remove, reopen])), {
    status: 6,
    stdout: /FAILED: reopen/,
  });
  t.match(await run(['recover'], recovering([remove])), { status: 6, stdout: /FAILED: remove/ });
});

t.test('doctor tells what is missing and how to get it, with 6', async (t) => {
  const checks = [
    { check: 'node', result: 'ok', message: 'v20', advice: null },
    { check: 'btrfs', result: 'missing', message: 'no library', advice: 'install libbtrfsutil1' },
  ] as const;
  const ran = await run(['doctor'], { openers: { doctor: async () => Promise.resolve(checks) } });
  t.equal(ran.status, 6);
  t.equal(
    ran.stdout,
    'ok       node: v20\nMISSING  btrfs: no library\n         → install libbtrfsutil1\n1 check failed.\n',
  );
});

t.test('the command’s own status comes through', async (t) => {
  const exec = { node: { exec: async () => Promise.resolve(137) } };
  t.match(await run(['exec', 'app', '--', 'x'], exec), { status: 137, stdout: '' });
  const json = await run(['exec', 'app@3', '--json', '--', 'x'], exec);
  t.same(JSON.parse(json.stdout), { group: 'app', generation: 3, status: 137 });
  const opening: World = {
    node: {
      exec: async ({ onOpened }) => {
        onOpened?.(12);
        return Promise.resolve(0);
      },
    },
  };
  const newest = await run(['exec', 'app', '--json', '--', 'x'], opening);
  t.same(JSON.parse(newest.stdout), { group: 'app', generation: 12, status: 0 }, 'the one that it saw');
});

t.test('nothing that somebody else wrote reaches the terminal as an escape sequence', async (t) => {
  const evil = { ...GENERATION, message: 'a\u001b[2Jb\nc\u202e' };
  const node = { list: async () => Promise.resolve([evil]) };
  const out = await text(['list', 'app'], { node });
  t.match(out, String.raw`a\x1b[2Jb\nc\u{202e}`);
  t.equal(out.split('\n').length, 3);
  t.same(JSON.parse(await text(['list', 'app', '--json'], { node })), [evil]);
});

t.test('progress is one rewritten line, only on a terminal and without --quiet; warnings always show', async (t) => {
  const onOpen: NonNullable<World['onOpen']> = ({ report }) => {
    report?.({ kind: 'phase', phase: 'stage', subject: 'db' });
    report?.({ kind: 'warning', message: 'careful' });
    report?.({ kind: 'phase', phase: 'publish', subject: 'x'.repeat(100) });
  };
  const erase = '\r\u001b[K';
  const shown = await run(['commit', 'app'], { onOpen, isTTY: true });
  const last = `publish ${'x'.repeat(50)}…`;
  t.equal(shown.stderr, `${erase}stage db${erase}snapcommit: warning: careful\n${erase}${last}${erase}`);
  t.ok(last.length < 60);
  const quiet = await run(['commit', 'app', '--quiet'], { onOpen, isTTY: true });
  t.equal(quiet.stderr, 'snapcommit: warning: careful\n');
  t.equal((await run(['commit', 'app'], { onOpen })).stderr, 'snapcommit: warning: careful\n');
});

t.test('--verbose logs phases as JSON lines on stderr', async (t) => {
  const onOpen: NonNullable<World['onOpen']> = ({ report }) => {
    report?.({ kind: 'phase', phase: 'stage', subject: 'db' });
    report?.({ kind: 'warning', message: 'careful' });
  };
  const ran = await run(['commit', 'app', '--verbose'], { onOpen, isTTY: true });
  const lines = ran.stderr
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
  t.match(lines, [
    { level: 30, phase: 'stage', subject: 'db', elapsedMs: Number, name: 'snapcommit' },
    { level: 40, msg: 'careful' },
  ]);
});

t.test('colour only on a terminal, and never with NO_COLOR', async (t) => {
  const line = ['status', '--nonsense'];
  t.match((await run(line, { isTTY: true })).stderr, '\u001b[31m');
  t.notMatch((await run(line, { isTTY: true, env: { NO_COLOR: '1' } })).stderr, '\u001b[');
  t.notMatch((await run(line)).stderr, '\u001b[');
});
