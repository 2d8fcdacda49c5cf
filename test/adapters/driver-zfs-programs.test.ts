/** What a channel program says, as OpenZFS 2.1 and 2.3 print it. */
import t from 'tap';
import { parseAnswer, RENAME_ALL } from '#src/adapters/driver-zfs/programs.js';

void t.test('done, unsupported, or the number of the snapshot that cannot be renamed, and why', (t) => {
  t.equal(parseAnswer('{"return":{"failed":-1,"errno":0}}'), 'done');
  t.equal(parseAnswer('{"return":{"errno":0,"failed":-2}}\n'), 'unsupported');
  t.strictSame(parseAnswer('{"return":{"failed":1,"errno":17}}'), { index: 1, reason: 'dataset already exists' });
  t.strictSame(parseAnswer('{"return":{"failed":0,"errno":36}}'), { index: 0, reason: 'errno 36' });
  t.throws(() => parseAnswer('{"return":{"failed":"1"}}'), TypeError);
  t.throws(() => parseAnswer('{}'), TypeError, 'what is not understood is not taken for done');
  t.end();
});

void t.test('G8 every rename is checked before the first one is done', (t) => {
  const lastCheck = RENAME_ALL.lastIndexOf('zfs.check.rename_snapshot(');
  t.ok(lastCheck > 0 && lastCheck < RENAME_ALL.indexOf('zfs.sync.rename_snapshot('));
  t.equal(RENAME_ALL.match(/^for /gm)?.length, 2, 'in a loop of its own');
  t.end();
});
