/** Names of the port as ZFS has them, and back. */
import t from 'tap';
import fc from 'fast-check';
import {
  decodeName,
  encodeName,
  ENTRY_BYTES_MAX,
  isTreeComponent,
  lastComponent,
  parentOf,
  poolOf,
  splitSnapshot,
  tooLong,
  TREE_DIGITS,
  treeComponent,
} from '#src/adapters/driver-zfs/names.js';
import { formatStaged, publishedName, replacedName } from '#src/participant/names.js';
import type { Slot, TransactionId } from '#src/machine/entry.js';

void t.test('names of ours stay readable in `zfs list`', (t) => {
  t.equal(encodeName(publishedName('app', 12)), 'app:12');
  t.equal(encodeName(replacedName('app', 12)), 'app:12.replaced');
  t.equal(encodeName('.trash~c~1'), '.trash:-c:-1');
  t.end();
});

void t.test('every name is legal in ZFS, and is given back', (t) => {
  const characters = fc.constantFrom('@', '~', ':', '-', 'x', 'a', '0', '.', '_', ' ', '%', 'é', '😀', '\n');
  fc.assert(
    fc.property(fc.array(characters, { minLength: 1, maxLength: 12 }), (parts) => {
      const name = parts.join('');
      const encoded = encodeName(name);
      return /^[-A-Za-z0-9_.:]+$/.test(encoded) && decodeName(encoded) === name;
    }),
  );
  t.equal(decodeName('auto snap'), null, 'what another tool named is none of ours');
  t.equal(decodeName('a:x4'), null, 'nor is half an escape');
  t.equal(decodeName('a:x61'), null, 'one name has one spelling');
  t.end();
});

void t.test('the longest name that a participant gives fits in what a dataset leaves for it', (t) => {
  const longest = formatStaged({
    kind: 'staged',
    cluster: 'c'.repeat(36),
    group: 'g'.repeat(64),
    transaction: 't'.repeat(26) as TransactionId,
    epoch: { incarnation: 999_999, slot: 999_999_999_999 as Slot },
    round: 9_999,
  });
  t.ok(Buffer.byteLength(encodeName(longest)) <= ENTRY_BYTES_MAX, String(Buffer.byteLength(encodeName(longest))));
  t.end();
});

void t.test('a snapshot that a clone could not have, in length, is found before the clone is made', (t) => {
  const tree = `tank/.snapcommit/db/${treeComponent('0'.repeat(TREE_DIGITS))}`;
  const longest = 'x'.repeat(254 - tree.length);
  t.equal(tooLong(tree, ['app:1', longest, `tank/db@${longest}`]), null);
  t.equal(tooLong(tree, ['app:1', `${longest}y`]), `${longest}y`);
  t.equal(tooLong(tree, [`tank/db@${longest}y`]), `${longest}y`, 'whatever its dataset is called now');
  t.end();
});

void t.test('parts of names', (t) => {
  t.equal(parentOf('tank/a/b'), 'tank/a');
  t.equal(parentOf('tank'), null);
  t.equal(lastComponent('tank/a/b'), 'b');
  t.equal(poolOf('tank/a@b'), 'tank');
  t.same(splitSnapshot('tank/a@b:1'), { dataset: 'tank/a', snapshot: 'b:1' });
  t.equal(splitSnapshot('tank/a'), null);
  t.ok(isTreeComponent(treeComponent('0')));
  t.notOk(isTreeComponent('.snapcommit'));
  t.end();
});
