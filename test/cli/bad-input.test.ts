/** Everything that is refused before anything is opened, with its status and what the message says. */
import t from 'tap';
import { NAME_LAW } from '#src/config/names.js';
import { run } from './fake.js';

const LAW = NAME_LAW;
const long = 'a'.repeat(65);
const CASES: readonly (readonly [argv: readonly string[], says: string])[] = [
  // names
  ...['', '.', '..', '../x', 'a/b', 'a\nb', 'a b', 'ä', '_a', '~a', long].flatMap(
    (name): readonly (readonly [readonly string[], string])[] => [
      [['volume', 'add', name, '--source', '/srv/db'], LAW],
      [['volume', 'show', name], LAW],
      [['group', 'create', name, '--volume', 'db'], LAW],
      [['group', 'create', 'app', '--volume', 'db', `x${name}@`], LAW],
      [['commit', name], LAW],
      [['list', name], LAW],
      [['init', '--node', name], LAW],
      [['hold', 'add', 'app@1', '--tag', name], LAW],
      [['open', 'app', '--hold', name], LAW],
      [['commit', 'app', '--label', `${name}=1`], LAW],
    ],
  ),
  [['volume', 'show', '-x'], 'begins with a letter or a digit'],
  [['volume', 'show', '--', '-x'], LAW],
  // generations
  [['show', 'app'], 'app@12'],
  [['show', 'app@'], 'GROUP@N'],
  [['show', 'app@0'], 'GROUP@N'],
  [['show', 'app@-1'], 'GROUP@N'],
  [['show', 'app@01'], 'GROUP@N'],
  [['show', 'app@1.5'], 'GROUP@N'],
  [['show', 'app@9007199254740993'], 'GROUP@N'],
  [['show', '@1'], LAW],
  [['show', 'a@1@2'], LAW],
  [['restore', 'app'], 'app@12'],
  [['diff', 'app@1', 'web@2'], 'different groups'],
  // numbers, durations, grades, labels, ids
  [['commit', 'app', '--expect-generation', '-1'], 'whole number'],
  [['commit', 'app', '--expect-generation', 'x'], 'whole number'],
  [['commit', 'app', '--require', 'best'], 'fuzzy, independent, barrier, application'],
  [['commit', 'app', '--label', 'a'], 'KEY=VALUE'],
  [['commit', 'app', '--label', 'a=1', '--label', 'a=2'], 'twice'],
  [['commit', 'app', '--request-id', ''], 'printable ASCII'],
  [['commit', 'app', '--request-id', 'a b'], 'printable ASCII'],
  [['commit', 'app', '--timeout', '5'], 'a number with a unit'],
  [['--timeout', '0s', 'status'], 'a number with a unit'],
  [['transaction', 'show', ''], 'printable ASCII'],
  [['group', 'create', 'app', '--volume', 'db', '--stall-limit', '5 s'], 'a number with a unit'],
  [['prune', 'app'], '--keep-last'],
  [['prune', 'app', '--keep-last', '0'], 'at least 1'],
  [['prune', 'app', '--keep-daily', '1.5'], 'at least 1'],
  // what is needed
  [['group', 'create', 'app'], 'at least one volume'],
  [['group', 'create', 'app', '--volume', ''], 'at least one volume'],
  [['group', 'update', 'app'], 'nothing to change'],
  [['group', 'update', 'app', '--volume', ''], 'at least one volume'],
  [['volume', 'add', 'db'], '--source'],
  [['volume', 'add', 'db', '--source', ''], 'empty'],
  [['volume', 'add', 'db', '--source', '/srv', '--driver', 'ext4'], 'btrfs, zfs, directory'],
  [['volume', 'add', 'db', '--source', '/srv', '--publish', ''], 'empty'],
  [['volume', 'add', 'db', '--source', '/srv', '--dry-run'], 'with --recursive'],
  [['group', 'create', 'app', '--volume', 'db', '--freeze-cgroup', 'app'], 'absolute path'],
  [['group', 'create', 'app', '--volume', 'db', '--freeze-unit', 'a/b'], 'systemd unit'],
  [['thaw'], 'thaw --all'],
  [['commit'], "missing required argument 'GROUP'"],
  [['commit', '--label', 'a=1', 'app'], 'put the operand first'],
  [['commit', 'app', 'web'], 'too many arguments'],
  [['commit', 'app', '--nonsense'], "unknown option '--nonsense'"],
  [['commit', 'app', '--mesage', 'x'], 'Did you mean --message?'],
  [['comit', 'app'], 'Did you mean commit?'],
  [['volume', 'ad'], 'Did you mean volume add?'],
  [['nonsense'], 'no command "nonsense"'],
  [['constructor'], 'no command "constructor"'],
  [['--state-dir', '', 'status'], '--state-dir is empty'],
  [['status', '--state-dir'], 'argument missing'],
];

t.test('bad input is refused with 2, says the law, and opens nothing', async (t) => {
  for (const [argv, says] of CASES) {
    const shown = JSON.stringify(argv);
    const ran = await run(argv);
    t.equal(ran.status, 2, shown);
    t.ok(ran.stderr.includes(says), `${shown} says ${says}`, { stderr: ran.stderr });
    t.equal(ran.stdout, '', shown);
    t.same([ran.opened, ran.calls], [[], []], shown);
    t.equal(ran.stderr.trimEnd().split('\n').length, 1, `${shown}: one line`);
    const json = await run(['--json', ...argv]);
    t.equal(json.status, 2, shown);
    t.match(JSON.parse(json.stdout), { error: { code: /^(USAGE|NAME_INVALID)$/, message: String } }, shown);
  }
});

t.test('transact and exec without a command, or with bad input, are 102', async (t) => {
  for (const argv of [
    ['exec', 'app'],
    ['exec', 'app', '--'],
    ['exec', 'app', 'ls'],
    ['transact', 'app', '--json'],
    ['transact', '..', '--', 'ls'],
    ['transact', 'app', '--nonsense', '--', 'ls'],
  ]) {
    const ran = await run(argv);
    t.equal(ran.status, 102, argv.join(' '));
    t.same(ran.calls, []);
  }
});
