/** SIGINT, SIGTERM and --timeout. */
import t from 'tap';
import { SnapcommitError } from '#src/errors.js';
import { run } from './fake.js';
import { GENERATION } from './fake-answers.js';

/** Rejects as a commit does that was begun and then aborted by its signal. */
const untilAborted = async ({ signal }: { readonly signal: AbortSignal }): Promise<never> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => {
      const reason: unknown = signal.reason;
      if (reason instanceof SnapcommitError) {
        reject(new SnapcommitError(reason.code, reason.message, { ...reason.details, begun: true, transaction: 't1' }));
      } else reject(new Error('the reason is no SnapcommitError'));
    });
  });
const never = async (): Promise<never> => new Promise(() => undefined);

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  t.test(`${signal} goes into the requests of commit, transact, restore and exec`, async (t) => {
    const node = { commit: untilAborted, transact: untilAborted, restore: untilAborted, exec: untilAborted };
    for (const argv of [
      ['commit', 'app'],
      ['transact', 'app', '--', 'x'],
      ['restore', 'app@1'],
      ['exec', 'app', '--', 'x'],
    ]) {
      const ran = await run([...argv.slice(0, 2), '--json', ...argv.slice(2)], {
        node,
        onOpen: (_options, stop) =>
          setImmediate(() => {
            stop(signal);
          }),
      });
      t.equal(ran.status, status, argv.join(' '));
      t.match(JSON.parse(ran.stdout), { error: { code: 'INTERRUPTED', details: { signal, begun: true } } });
      t.equal(ran.stderr, `snapcommit: stopped by ${signal}. Transaction t1 was aborted; nothing was published.\n`);
    }
  });

  t.test(`${signal} ends the other commands at once, with the node closed`, async (t) => {
    for (const [argv, node] of [
      [['status'], { status: never }],
      [['recover'], { recover: never }],
      [['verify'], { verify: never }],
    ] as const) {
      const ran = await run(argv, {
        node,
        onOpen: (_options, stop) =>
          setImmediate(() => {
            stop(signal);
          }),
      });
      t.equal(ran.status, status);
      t.same(ran.calls, [{ method: 'close', args: [] }]);
    }
  });
}

t.test('a change that the daemon goes on with is told as unknown; one that was not asked for yet is not', async (t) => {
  const cluster = {
    addVoter: never,
    removeMember: never,
    replaceMember: never,
    issueToken: never,
    renewCertificate: never,
  };
  for (const line of ['add n3', 'remove n3', 'replace n2 n3', 'token', 'renew']) {
    const ran = await run(['cluster', ...line.split(' '), '--timeout', '1ms'], { cluster });
    t.match(ran, { status: 7, stderr: /not known.*--timeout asked.*`snapcommit cluster status`/ }, line);
  }
  t.equal((await run(['cluster', 'status', '--timeout', '1ms'], { cluster: { status: never } })).status, 5);
  const unopened = await run(['cluster', 'add', 'n3', '--timeout', '1ms'], { openers: { openCluster: never } });
  t.equal(unopened.status, 5);
});

t.test('while the log is opened, every command may be left', async (t) => {
  const ran = await run(['commit', 'app', '--timeout', '1ms'], { openers: { openNode: never } });
  t.equal(ran.status, 5);
});

t.test('a second Ctrl-C kills nothing: it tells what is waited for', async (t) => {
  let finish = (): void => undefined;
  const node = {
    commit: async () =>
      new Promise<typeof GENERATION>((resolve) => {
        finish = () => {
          resolve(GENERATION);
        };
      }),
  };
  const ran = await run(['commit', 'app'], {
    node,
    onOpen: ({ report }, stop) =>
      setImmediate(() => {
        report?.({ kind: 'phase', phase: 'thaw', subject: '/app/writers' });
        stop('SIGINT');
        stop('SIGINT');
        finish();
      }),
  });
  t.equal(ran.stderr, 'snapcommit: SIGINT again: still waiting for thaw /app/writers; it ends by itself.\n');
  t.match(ran.stdout, /^app@12 committed/, 'it was committed before: that is the outcome');
  t.equal(ran.status, 0);
});

t.test('--timeout is an interruption too: 5', async (t) => {
  const begun = await run(['commit', 'app', '--timeout', '1ms', '--json'], { node: { commit: untilAborted } });
  t.equal(begun.status, 5);
  t.match(JSON.parse(begun.stdout), { error: { code: 'TIMED_OUT', details: { timeoutMs: 1, begun: true } } });
  t.equal((await run(['status', '--timeout', '1ms'], { node: { status: never } })).status, 5);
  t.equal((await run(['exec', 'app', '--timeout', '1ms', '--', 'x'], { node: { exec: untilAborted } })).status, 105);
});

t.test('an exec that we ended is interrupted, whatever its command said', async (t) => {
  const node = {
    exec: async ({ signal }: { readonly signal: AbortSignal }) =>
      new Promise<number>((resolve) => {
        signal.addEventListener('abort', () => {
          resolve(0);
        });
      }),
  };
  const ran = await run(['exec', 'app', '--', 'x'], {
    node,
    onOpen: (_options, stop) =>
      setImmediate(() => {
        stop('SIGTERM');
      }),
  });
  t.equal(ran.status, 143);
});
