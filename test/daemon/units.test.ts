/** systemd's units as text: golden transcripts (UPDATE=1 rewrites them), what they wait for, and how names are written. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { declaredOn } from '#src/daemon/units/declared.js';
import { judge, marked } from '#src/daemon/units/mark.js';
import { isWritable, mountUnitOf, mountUnitsOnTheWay, quoteArgument, quotePath } from '#src/daemon/units/quote.js';
import { renderUnits, UNIT_NAMES } from '#src/daemon/units/render.js';
import type { GroupRecord, VolumeRecord } from '#src/machine/entry.js';

const GOLDEN = join(import.meta.dirname, '..', '..', '..', 'test', 'daemon', 'golden-units');

function volume(name: string, node: string): VolumeRecord {
  const at = { source: `/srv/${name}`, publishDirectory: `/srv/.snapcommit/${name}` };
  return { name, node, driver: 'btrfs', filesystem: 'uuid', ...at };
}

function group(name: string, volumes: readonly string[], change: Partial<GroupRecord> = {}): GroupRecord {
  const none: readonly string[] = [];
  const targets = { freezeCgroups: none, freezeUnits: none, stopUnits: none, preHooks: none, postHooks: none };
  return { name, volumes, require: null, stallLimitMs: 5000, ...targets, ...change };
}

const declared = declaredOn(
  'a',
  [volume('db', 'a'), volume('wal', 'a')],
  [group('app', ['db', 'wal'], { freezeUnits: ['app.service'], stopUnits: ['web'] })],
);

for (const { name, content } of renderUnits({
  program: ['/usr/bin/node', '/usr/local/bin/snapcommit'],
  stateDirectory: '/var/lib/snapcommit',
  declared,
})) {
  t.test(`${name} is as it was reviewed`, (t) => {
    const file = join(GOLDEN, name);
    if (process.env['UPDATE'] === '1') writeFileSync(file, content);
    t.equal(content, readFileSync(file, 'utf8'), `${file} (UPDATE=1 rewrites it)`);
    t.end();
  });
}

t.test('what a path or a name holds is not read as syntax', (t) => {
  const [recover = ''] = renderUnits({
    program: ['/opt/my $node/bin/node', '/opt/50%/$x'],
    stateDirectory: '/state of 100%',
    declared: { paths: ['/srv/50%-off'], users: ['app@50%.service'] },
  }).map(({ content }) => content);
  t.match(recover, '\nExecStart="/opt/my $node/bin/node" "/opt/50%%/$$x" recover --local-only\n');
  t.match(recover, '\nRequiresMountsFor="/state of 100%%"\n');
  t.match(recover, ' srv-50\\x25\\x2doff.mount ');
  t.match(recover, ' app@50%%.service\n');
  t.end();
});

t.test('arguments and paths are written by the grammar of their setting', (t) => {
  t.equal(quoteArgument('a"b\\c'), '"a\\"b\\\\c"');
  t.equal(quoteArgument('--keep=1'), '--keep=1');
  t.equal(quoteArgument(''), '""');
  t.equal(quotePath('/a b'), '"/a b"');
  t.same(['/a b%', '/a"b', "/a'b", '/a\\b', '/a\nb'].map(isWritable), [true, false, false, false, false]);
  t.equal(mountUnitOf('/srv/pool-a/.snap'), 'srv-pool\\x2da-.snap.mount');
  t.equal(mountUnitOf('/.hidden/ä'), '\\x2ehidden-\\xc3\\xa4.mount');
  t.same(mountUnitsOnTheWay(['/srv/a/b', '/srv/c', '/']), ['srv.mount', 'srv-a.mount', 'srv-c.mount', 'srv-a-b.mount']);
  t.same(mountUnitsOnTheWay([`/${'x'.repeat(255)}`]), [], 'no unit can have that name');
  t.end();
});

t.test('units wait for this node’s users of volumes, and for nobody who waits for them', (t) => {
  const volumes = [volume('db', 'a'), volume('wal', 'b')];
  const users = (change: Partial<GroupRecord>, volumesOf: readonly string[] = ['db']): readonly string[] =>
    declaredOn('a', volumes, [group('app', volumesOf, change)]).users;
  t.same(users({ freezeUnits: ['a:one.service', 'b:two.service', 'three'] }), ['one.service', 'three.service']);
  t.same(users({ freezeUnits: ['a:one.service'] }, ['wal']), ['one.service'], 'a writer without a volume here');
  t.same(users({ freezeUnits: ['one.service'], stopUnits: ['two.service'] }, ['wal']), [], 'nothing of it is here');
  t.same(users({ freezeCgroups: ['/system.slice/one.service', '/app/writers', '/app.slice'] }), [
    'app.slice',
    'one.service',
  ]);
  t.same(
    users({ freezeUnits: ['system.slice', '-.slice', 'snapcommit.service', 'snapcommit-commit@app.service'] }),
    [],
  );
  t.same(users({ stopUnits: ['web.socket', 'web.path', 'web.timer'] }), ['web.service', 'web.timer'], 'what starts it');
  t.same(
    users({
      freezeUnits: [
        'machine.slice',
        'srv-db.mount',
        'local-fs.target',
        'snapcommit.socket',
        'a b.service',
        '50%.service',
      ],
    }),
    [],
    'what our own units come after, and what is no unit',
  );
  t.same(users({ freezeCgroups: ['/user.slice'] }), ['systemd-user-sessions.service'], 'who logs in');
  t.same(
    users({
      freezeCgroups: [
        '/system.slice/app.service/writers',
        '/user.slice/user-7.slice/user@7.service/app.slice/x.service',
      ],
    }),
    ['app.service', 'user@7.service'],
    'what runs below a service is its',
  );
  t.same(users({ freezeUnits: ['snapcommit-app.service'] }), ['snapcommit-app.service'], 'not ours');
  t.same(declaredOn('a', volumes, []).paths, ['/srv/.snapcommit/db', '/srv/db']);
  t.end();
});

t.test('a unit that a person changed is known from one that an older version wrote', (t) => {
  const [old, wanted] = [marked('[Unit]\n'), marked('[Unit]\nDescription=x\n')];
  t.equal(judge(null, wanted), 'missing');
  t.equal(judge(wanted, wanted), 'same');
  t.equal(judge(old, wanted), 'ours');
  t.equal(judge(`${old}# mine\n`, wanted), 'changed');
  t.equal(judge(old.replace('digest ', 'digest f'), wanted), 'changed');
  t.equal(judge('[Unit]\n', wanted), 'changed');
  t.equal(judge('', wanted), 'changed', 'a masked unit');
  t.equal(judge(old, null), 'ours');
  t.equal(UNIT_NAMES.length, 5);
  t.end();
});
