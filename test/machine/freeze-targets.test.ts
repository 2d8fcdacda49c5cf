/** G6 which node freezes what: `[NODE:]PATH` and `[NODE:]UNIT`, written, read back and given out to the nodes. */
import t from 'tap';
import fc from 'fast-check';
import type { GroupRecord } from '#src/machine/entry.js';
import {
  formatTarget,
  nodesNamedByTargets,
  parseCgroupTarget,
  parseUnitTarget,
  targetsOf,
} from '#src/machine/freeze-targets.js';
import { seed } from './support/random.js';

function group(freezeCgroups: readonly string[], freezeUnits: readonly string[]): GroupRecord {
  const none: readonly string[] = [];
  const rest = { stopUnits: none, require: null, stallLimitMs: 1000, preHooks: none, postHooks: none };
  return { name: 'app', volumes: ['db'], freezeCgroups, freezeUnits, ...rest };
}

void t.test('a target without a node stands for every node that has volumes of the group', (t) => {
  const record = group(['/app', 'b:/web', 'c:/nfs'], ['db.service', 'c:db.service', 'a:db.service']);
  t.same(targetsOf(record, 'a', ['a', 'b']), { cgroups: ['/app'], units: ['db.service'] });
  t.same(targetsOf(record, 'b', ['a', 'b']), { cgroups: ['/app', '/web'], units: ['db.service'] });
  t.same(targetsOf(record, 'c', ['a', 'b']), { cgroups: ['/nfs'], units: ['db.service'] }, 'no volumes, yet writers');
  t.same(targetsOf(record, 'd', ['a', 'b']), { cgroups: [], units: [] });
  t.same(nodesNamedByTargets(record), ['a', 'b', 'c']);
  t.end();
});

void t.test('a text that is no target is handed on, and not left out as if it were frozen', (t) => {
  t.same(targetsOf(group(['app/../x'], ['a b']), 'a', ['a']), { cgroups: ['app/../x'], units: ['a b'] });
  t.end();
});

void t.test('a unit with a colon in its own name is written with its node, or with a colon in front', (t) => {
  const unit = 'dbus-:1.2-org.example@0.service';
  t.same(parseUnitTarget(unit), { node: 'dbus-', target: '1.2-org.example@0.service' });
  t.same(parseUnitTarget(`:${unit}`), { node: null, target: unit });
  t.same(parseUnitTarget(`a:${unit}`), { node: 'a', target: unit });
  t.equal(formatTarget({ node: null, target: unit }), `:${unit}`);
  t.end();
});

void t.test('what is no target is refused', (t) => {
  const bad = ['', 'app', 'app/writers', ':', 'a:', 'a:app', '../x:/app', '-a:/app', '/a/../b', '/a//b', 'b:/a\nb'];
  t.same(
    bad.filter((text) => parseCgroupTarget(text) !== null),
    [],
  );
  const units = ['', ':', 'a:', 'a b.service', '-x.service', '-a:x.service', 'a:-x.service', 'x/y.service'];
  t.same(
    units.filter((text) => parseUnitTarget(text) !== null),
    [],
  );
  t.same(parseCgroupTarget('b:/app/'), { node: 'b', target: '/app' });
  t.end();
});

void t.test('what is written is read back', (t) => {
  t.comment(`SEED=${String(seed)}`);
  const node = fc.option(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,8}$/));
  const path = fc.array(fc.stringMatching(/^[a-z:@]{1,5}$/), { minLength: 1 }).map((parts) => `/${parts.join('/')}`);
  const unit = fc.stringMatching(/^[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]{0,12}$/);
  const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
  const property = fc.property(node, path, unit, (name, cgroup, service) => {
    const [group, one] = [cgroup, service].map((target) => ({ node: name, target }));
    if (group === undefined || one === undefined) return false;
    return same(parseCgroupTarget(formatTarget(group)), group) && same(parseUnitTarget(formatTarget(one)), one);
  });
  t.doesNotThrow(() => {
    fc.assert(property, { seed, numRuns: 300 });
  });
  t.end();
});
