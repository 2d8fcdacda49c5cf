/** What `zfs get -H -p` prints, as OpenZFS 2.1 and 2.3 print it. */
import t from 'tap';
import { settable } from '#src/adapters/driver-zfs/trees.js';
import {
  guidOf,
  isReadOnly,
  isSnapshot,
  localOf,
  ownOf,
  parseProperties,
  valueOf,
} from '#src/adapters/driver-zfs/properties.js';

const lines = (...rows: readonly (readonly string[])[]): string => rows.map((row) => row.join('\t') + '\n').join('');

// Of 2.1.11.
const V21 = lines(
  ['tank/db', 'type', 'filesystem', '-'],
  ['tank/db', 'guid', '17293822569102704641', '-'],
  ['tank/db', 'readonly', 'off', 'default'],
  ['tank/db', 'mountpoint', '/srv/a tab\there', 'local'],
  ['tank/db', 'snapcommit:place', '5', 'local'],
  ['tank/db', 'snapcommit:dead', '-', '-'],
  ['tank/db', 'compression', 'lz4', 'received'],
  ['tank/db@app:12', 'type', 'snapshot', '-'],
  ['tank/db@app:12', 'guid', '42', '-'],
  ['tank/db@app:12', 'readonly', '-', '-'],
  ['tank/db@app:12', 'snapcommit:place', '5', 'inherited from tank/db'],
  ['tank/db@app:12', 'snapcommit:staged', '.staged~c~app', 'local'],
);
// 2.3 prints the same form; properties that it does not know stay without a line, and it has some more.
const V23 = lines(
  ['tank/db', 'type', 'filesystem', '-'],
  ['tank/db', 'guid', '17293822569102704641', '-'],
  ['tank/db', 'readonly', 'on', 'temporary'],
  ['tank/db', 'snapdir', 'disabled', 'inherited from tank'],
);

void t.test('values, and where they come from', (t) => {
  const [dataset, snapshot, ...others] = parseProperties(V21);
  if (dataset === undefined || snapshot === undefined) throw new Error('nothing was read');
  t.same(others, []);
  t.equal(dataset.name, 'tank/db');
  t.equal(guidOf(dataset), '17293822569102704641', 'a guid is no number that JavaScript could hold');
  t.equal(valueOf(dataset, 'mountpoint'), '/srv/a tab\there');
  t.equal(localOf(dataset, 'snapcommit:place'), '5');
  t.equal(localOf(dataset, 'snapcommit:dead'), null);
  t.equal(valueOf(dataset, 'snapcommit:dead'), null);
  t.equal(localOf(dataset, 'compression'), null);
  t.equal(ownOf(dataset, 'compression'), 'lz4');
  t.notOk(isReadOnly(dataset));
  t.notOk(isSnapshot(dataset));
  t.ok(isSnapshot(snapshot));
  t.equal(localOf(snapshot, 'snapcommit:place'), null, 'what is inherited says nothing of the snapshot');
  t.equal(localOf(snapshot, 'snapcommit:staged'), '.staged~c~app');
  t.throws(() => guidOf({ name: 'tank/x', properties: new Map() }), TypeError);
  t.end();
});

void t.test('2.3: a temporary value counts as a value and not as a local one', (t) => {
  const [dataset] = parseProperties(V23);
  if (dataset === undefined) throw new Error('nothing was read');
  t.ok(isReadOnly(dataset));
  t.equal(localOf(dataset, 'readonly'), null);
  t.equal(valueOf(dataset, 'snapdir'), 'disabled');
  t.same(parseProperties(''), []);
  t.same(parseProperties('cannot open\n'), [], 'what has no columns is no property');
  t.end();
});

void t.test('a clone is given what was set on the live dataset, but for what it cannot have or must not', (t) => {
  const set = [
    'compression\tzstd',
    'com.example:note\ttwo',
    'lines of it',
    'mountpoint\t/srv/db',
    'snapcommit:live\ttank',
  ];
  t.same(settable([...set, 'com.example:eq\ta=b\tc', 'keylocation\tprompt', ''].join('\n')), [
    'compression=zstd',
    'com.example:note=two',
    'com.example:eq=a=b\tc',
  ]);
  t.end();
});
