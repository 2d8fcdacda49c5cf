/** The cluster's commands: what people read, what is asked for, and bad input. Secrets stay where they belong. */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { SnapcommitError } from '#src/errors.js';
import { temporaryDirectory } from '../support/temp.js';
import { run } from './fake.js';
import { CLUSTER, TOKEN } from './fake-answers.js';

t.test('cluster status shows who leads, who lags and who is away since when', async (t) => {
  const { stdout } = await run(['cluster', 'status']);
  t.matchOnly(stdout, /leader +n1\n/);
  t.matchOnly(stdout, /n1 \(this one\) +leader +10\.0\.0\.1:7420 +40 +0 +up\n/);
  t.matchOnly(stdout, /n2 +voter +10\.0\.0\.2:7420 +38 +2 +unreachable since 2026-11-22 10:00:01Z\n/);
  t.matchOnly(stdout, /n3 +learner +- +- +- +up\n/);
  t.notMatch(stdout, /No majority/);
  const alone = { ...CLUSTER, leader: null, hasQuorum: false };
  const cut = await run(['cluster', 'status'], { cluster: { status: async () => Promise.resolve(alone) } });
  t.match(cut.stdout, /none is known[^]*No majority: n1 does not reach 2 voters/);
});

t.test('cluster members lists them', async (t) => {
  t.matchOnly((await run(['cluster', 'members'])).stdout, /^NODE +ROLE +ADDRESS\nn1 \(this one\) +leader/);
});

t.test('a token goes to stdout alone, or into a new file of its own', async (t) => {
  const printed = await run(['cluster', 'token']);
  t.equal(printed.stdout, `${TOKEN}\n`);
  t.equal(printed.stderr, '');
  t.match(printed.calls[1], { method: 'issueToken', args: [{ lifetimeMs: 3_600_000, node: null }] });
  const file = join(temporaryDirectory(t, 'token'), 'token');
  const kept = await run(['cluster', 'token', '--out', file, '--node', 'n4', '--lifetime', '5m']);
  t.match(kept.calls[1], { method: 'issueToken', args: [{ lifetimeMs: 300_000, node: 'n4' }] });
  t.equal(readFileSync(file, 'utf8'), `${TOKEN}\n`);
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.notMatch(kept.stdout + kept.stderr, /SECRET/);
  const again = await run(['--json', 'cluster', 'token', '--out', file]);
  t.equal(again.status, 4, 'an existing file is not written over');
  t.notMatch(again.stdout + again.stderr, /SECRET/);
  t.notOk(
    again.calls.some(({ method }) => method === 'issueToken'),
    'nor is a token made that nobody would have',
  );
  const issueToken = async (): Promise<never> => Promise.reject(new SnapcommitError('UNAVAILABLE', 'no'));
  const failed = await run(['cluster', 'token', '--out', `${file}-2`], { cluster: { issueToken } });
  t.equal(failed.status, 6);
  t.notOk(existsSync(`${file}-2`), 'and a failure leaves no file');
});

t.test('a token’s file has its name when the token is in it, and no name that another one has', async (t) => {
  const directory = temporaryDirectory(t, 'token');
  const file = join(directory, 'token');
  const line = ['cluster', 'token', '--out', file];
  let during: readonly string[] = [];
  const never = async (): Promise<never> => {
    during = readdirSync(directory);
    return new Promise<never>(() => undefined);
  };
  const left = await run([...line, '--timeout', '50ms'], { cluster: { issueToken: never } });
  t.not(left.status, 0);
  t.equal(during.length, 1, 'there was a place for it before it was asked for');
  t.not(during[0], 'token', 'of which a kill would have left nothing that is in the way');
  t.strictSame(readdirSync(directory), [], 'an interruption leaves nothing');
  const issueToken = async (): Promise<{ token: string; expiresAt: string; node: null }> => {
    writeFileSync(file, 'of somebody else');
    return Promise.resolve({ token: TOKEN, expiresAt: '2026-11-22T11:00:01.123Z', node: null });
  };
  t.equal((await run(line, { cluster: { issueToken } })).status, 4);
  t.equal(readFileSync(file, 'utf8'), 'of somebody else');
  t.strictSame(readdirSync(directory), ['token']);
});

t.test('join reads the token from a file or stdin', async (t) => {
  const file = join(temporaryDirectory(t, 'token'), 'token');
  writeFileSync(file, ` ${TOKEN}\n`);
  const line = ['cluster', 'join', '--node', 'n2', '--address', '10.0.0.2:7420', '--token-file'];
  const expected = [{ stateDirectory: '/state', token: TOKEN, node: 'n2', address: '10.0.0.2:7420' }];
  t.same((await run([...line, file])).calls, [{ method: 'joinCluster', args: expected }]);
  const piped = await run([...line, '-'], { stdin: `${TOKEN}\n` });
  t.same(piped.calls, [{ method: 'joinCluster', args: expected }]);
  t.notMatch(piped.stdout + piped.stderr, /SECRET/);
});

t.test('bad input is refused with 2 before anything is asked', async (t) => {
  const lines: Record<string, RegExp> = {
    'cluster init': /--address is missing/,
    'cluster init --address nowhere': /no address; write HOST:PORT/,
    'cluster init --address 10.0.0.1:0': /no address/,
    'cluster init --address 10.0.0.1:65536': /no address/,
    'cluster init --address fd00::1:7420': /no address/,
    'cluster join --address 10.0.0.1:7420 --node a': /--token-file is missing/,
    'cluster join --token-file - --node a': /--address is missing/,
    'cluster join --token-file - --address 10.0.0.1:7420 --node -x': /name/,
    'cluster join --token-file /missing/file --address 10.0.0.1:7420 --node a': /cannot be read \(ENOENT\)/,
    'cluster join --token-file / --address 10.0.0.1:7420 --node a': /cannot be read \(EISDIR\)/,
    'cluster join --token-file - --address 10.0.0.1:7420 --node a': /stdin is empty/,
    'cluster token --lifetime soon': /no duration/,
    'cluster token --node a/b': /no valid node name/,
    'cluster token --out /missing/directory/token': /\/missing\/directory is no directory; make it first/,
    'cluster token --out /dev/null/token': /\/dev\/null is no directory/,
    'cluster add': /missing/,
    'cluster add a/b': /no valid node name/,
    'cluster add a b': /too many/,
    'cluster remove a/b': /no valid node name/,
    'cluster replace a': /missing/,
    'cluster replace a a': /own place/,
    'cluster frobnicate': /no command/,
  };
  for (const [line, message] of Object.entries(lines)) {
    const ran = await run(line.split(' '));
    t.match(ran, { status: 2, stderr: message, stdout: '' }, line);
    t.same(ran.calls, [], line);
  }
});

t.test('T17 recover tells what may be lost, and does nothing without consent', async (t) => {
  const asked = await run(['cluster', 'recover']);
  t.equal(asked.status, 2);
  t.match(asked.stderr, /gives up on n2, n3.*after slot 41 is lost.*1 entry here.*--unsafe-discard-others/);
  t.same(
    asked.calls.map(({ method }) => method),
    ['recoveryPreview'],
  );
  const consented = await run(['cluster', 'recover', '--unsafe-discard-others']);
  t.equal(consented.status, 0);
  t.match(consented.stdout, /incarnation +2\n/);
});

t.test('changes of membership say how things stand, and failures have their statuses', async (t) => {
  t.match((await run(['cluster', 'add', 'n3'])).stdout, /^n3 votes now\.\nvoters +n1, n2, n3\nlearners +-\n/);
  t.match((await run(['cluster', 'remove', 'n4'])).stdout, /^n4 is no member any more/);
  t.match((await run(['cluster', 'replace', 'n4', 'n3'])).stdout, /^n3 votes in the place of n4/);
  const cases = {
    NODE_NOT_FOUND: 3,
    IN_USE: 4,
    UNAVAILABLE: 6,
    OUTCOME_UNKNOWN: 7,
    DENIED: 8,
    LOG_FOREIGN: 6,
  } as const;
  for (const [code, status] of Object.entries(cases) as [keyof typeof cases, number][]) {
    const addVoter = async (): Promise<never> => Promise.reject(new SnapcommitError(code, 'no'));
    t.equal((await run(['cluster', 'add', 'n3'], { cluster: { addVoter } })).status, status, code);
  }
});

t.test('the daemon gets the settings of config.json and ends with 0 when it is told to', async (t) => {
  const directory = temporaryDirectory(t, 'daemon');
  writeFileSync(join(directory, 'config.json'), '{"metricsListen": 9464, "heartbeatMs": "50ms"}');
  const ran = await run(['daemon', '--state-dir', directory]);
  t.equal(ran.status, 0);
  t.match(ran.calls[0], {
    method: 'runDaemon',
    args: [{ stateDirectory: directory, settings: { metricsListen: '127.0.0.1:9464', heartbeatMs: 50 } }],
  });
});
