import t from 'tap';
import { exitStatusOf, EXIT_STATUSES, passingExitStatusOf } from '#src/cli/exit-status.js';
import { ERROR_CODES, SnapcommitError, type ErrorCode } from '#src/errors.js';
import { run } from './fake.js';

/** DESIGN §5, written down once more by hand. */
const EXPECTED: readonly (readonly [status: number, codes: string])[] = [
  [
    2,
    'USAGE NAME_INVALID SOURCE_INVALID SOURCE_NESTED SOURCE_MANAGED DRIVER_UNKNOWN HOOK_UNSAFE GRADE_UNREACHABLE ' +
      'STATE_DIRECTORY_INVALID CGROUP_INVALID UNSUPPORTED TOKEN_INVALID',
  ],
  [
    3,
    'STATE_NOT_FOUND VOLUME_NOT_FOUND GROUP_NOT_FOUND GENERATION_NOT_FOUND TRANSACTION_NOT_FOUND HOLD_NOT_FOUND ' +
      'PIN_NOT_FOUND NODE_NOT_FOUND',
  ],
  [4, 'BUSY EXISTS EXPECTATION_FAILED REQUEST_CONFLICT IN_USE STALE_EPOCH'],
  [
    5,
    'ABORTED CONFLICT HOOK_FAILED FREEZE_FAILED FREEZE_LAPSED NO_SPACE STAGE_FAILED STAGED_NAME_EXISTS ' +
      'COMMAND_FAILED TIMED_OUT',
  ],
  [
    6,
    'UNAVAILABLE LOG_CORRUPT LOG_FOREIGN LOG_FORMAT_NEWER LOG_BEHIND_STAMP LOG_LATCHED STORE_READ_ONLY STORE_FULL ' +
      'DEPENDENCY_MISSING VOLUME_UNAVAILABLE CLOCK_SKEW',
  ],
  [7, 'OUTCOME_UNKNOWN APPEND_EXPIRED'],
  [8, 'DENIED CERTIFICATE_INVALID TOKEN_EXPIRED TOKEN_USED TOKEN_UNKNOWN'],
  [9, 'PUBLISH_PENDING'],
  [10, 'VERIFY_FAILED'],
  [130, 'INTERRUPTED'],
];
const statusOf = new Map(
  EXPECTED.flatMap(([status, codes]) => codes.split(' ').map((code) => [code, status] as const)),
);

const failure = (code: ErrorCode, details = {}): SnapcommitError => new SnapcommitError(code, 'why', details);

t.test('every error code has the exit status of the design', async (t) => {
  for (const code of ERROR_CODES) t.equal(exitStatusOf(failure(code)), statusOf.get(code), code);
  t.equal(statusOf.size, ERROR_CODES.length, 'and no code is unknown here');
});

t.test('a transaction that was begun and aborted is 5 whatever stopped it, except where that says more', async (t) => {
  const kept = new Map<string, number>([
    ['OUTCOME_UNKNOWN', 7],
    ['APPEND_EXPIRED', 7],
    ['PUBLISH_PENDING', 9],
    ['INTERRUPTED', 130],
  ]);
  for (const code of ERROR_CODES) t.equal(exitStatusOf(failure(code, { begun: true })), kept.get(code) ?? 5, code);
  t.equal(exitStatusOf(failure('BUSY', { begun: false })), 4);
  t.equal(exitStatusOf(failure('INTERRUPTED', { begun: true, signal: 'SIGTERM' })), 143);
});

t.test('commands that pass a status on add 100 to their own failures', async (t) => {
  for (const code of ERROR_CODES) {
    const own = statusOf.get(code) ?? 0;
    t.equal(passingExitStatusOf(failure(code)), own < 100 ? own + 100 : own, code);
  }
  t.equal(passingExitStatusOf(failure('COMMAND_FAILED', { status: 7, begun: true })), 7);
  t.equal(passingExitStatusOf(failure('COMMAND_FAILED', { status: 137, begun: true })), 137);
  t.equal(passingExitStatusOf(failure('INTERRUPTED', { signal: 'SIGTERM', begun: true })), 143);
});

t.test('every status that a command can end with is explained in the help', async (t) => {
  for (const status of statusOf.values()) t.ok(status in EXIT_STATUSES, String(status));
});

t.test('L6 an unknown outcome is 7 and says what to ask for', async (t) => {
  const node = {
    commit: async () =>
      Promise.reject(
        new SnapcommitError('OUTCOME_UNKNOWN', 'ask with `transaction show t1`', { transaction: 't1', begun: true }),
      ),
  };
  const ran = await run(['commit', 'app', '--json'], { node });
  t.equal(ran.status, 7);
  t.same(JSON.parse(ran.stdout), {
    error: {
      code: 'OUTCOME_UNKNOWN',
      message: 'ask with `transaction show t1`',
      details: { transaction: 't1', begun: true },
    },
  });
  t.match(ran.stderr, /transaction show t1/);
});

t.test('a transaction that is still open is not told as aborted', async (t) => {
  const failing = (details: object) => ({ node: { restore: async () => Promise.reject(failure('BUSY', details)) } });
  const begun = { begun: true, transaction: 't1' };
  t.match((await run(['restore', 'app@1'], failing(begun))).stderr, /t1 was aborted/);
  const open = await run(['restore', 'app@1'], failing({ ...begun, open: true }));
  t.equal(open.stderr, 'snapcommit: why\n');
  t.equal(open.status, 5);
});

t.test('what nobody expected is 1, told with its stack, and system errors are told as what they are', async (t) => {
  const failing = (error: Error) => ({ node: { status: async () => Promise.reject(error) } });
  const odd = await run(['status', '--json'], failing(new TypeError('odd')));
  t.equal(odd.status, 1);
  t.match(JSON.parse(odd.stdout), { error: { code: 'INTERNAL', message: 'odd' } });
  t.match(odd.stderr, /internal error: odd\nTypeError: odd\n {4}at/);
  const codes = { EACCES: 8, EPERM: 8, ENOSPC: 6, EDQUOT: 6, EROFS: 6, EMFILE: 1 };
  for (const [code, status] of Object.entries(codes)) {
    const ran = await run(['status'], failing(Object.assign(new Error(`${code}: open /state`), { code })));
    t.equal(ran.status, status, code);
  }
  const inside = await run(['exec', 'app', '--', 'true'], {
    node: { exec: async () => Promise.reject(new TypeError('odd')) },
  });
  t.equal(inside.status, 101);
});

t.test('C19 an answer that cannot be written is no failure of what was asked for', async (t) => {
  const stdoutFails = new Error('ENOSPC: no space left on device, write');
  for (const json of [[], ['--json']]) {
    const ran = await run([...json, 'commit', 'app'], { stdoutFails });
    t.equal(ran.status, 7);
    t.match(ran.stderr, /it is done, but the answer could not be written to stdout: ENOSPC/);
    const node = { commit: async () => Promise.reject(failure('BUSY')) };
    t.equal((await run([...json, 'commit', 'app'], { stdoutFails, node })).status, 4);
  }
  const node = { exec: async () => Promise.resolve(3) };
  t.equal(
    (await run(['exec', 'app', '--', 'false'], { stdoutFails, node })).status,
    3,
    'the command’s own status counts',
  );
});
