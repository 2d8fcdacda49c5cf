/** Which mounts are those that the kernel made of a snapshot for whoever looked into it. */
import t from 'tap';
import { createZfsCommands } from '#src/adapters/driver-zfs/command.js';
import type { Entry, Family } from '#src/adapters/driver-zfs/family.js';
import { parseProperties, type Dataset } from '#src/adapters/driver-zfs/properties.js';
import { assertPromotable, mountPointsOf, promotedMounts } from '#src/adapters/driver-zfs/readers.js';
import type { Mount } from '#src/native/mountinfo.js';

function mount(source: string, mountPoint: string, type = 'zfs'): Mount {
  return { id: 1, parent: 0, device: '0:1', root: '/', mountPoint, options: [], shared: true, type, source };
}

void t.test('G10 what the kernel mounted of a snapshot is found whatever it was called then, and nothing else', (t) => {
  const mounts = [
    mount('tank/db', '/srv/db'),
    mount('tank/db@app:1', '/srv/db/.zfs/snapshot/.staged:-1'),
    mount('tank/db@app:1', '/mnt/by-hand'),
    mount('tank/db@app:1', '/srv/.snapcommit/tree/.zfs/snapshot/app:1'),
    mount('tank/db@app:12', '/srv/db/.zfs/snapshot/app:12'),
    mount('tank/db@app:1', '/else/.zfs/snapshot/app:1', 'tmpfs'),
  ];
  t.strictSame(mountPointsOf('tank/db@app:1', mounts), [
    '/srv/db/.zfs/snapshot/.staged:-1',
    '/srv/.snapcommit/tree/.zfs/snapshot/app:1',
  ]);
  t.strictSame(mountPointsOf('tank/db@app:2', mounts), []);
  t.end();
});

const PLACE = 'tank/.snapcommit/db';

function tree(name: string, origin: string): Dataset {
  const [found] = parseProperties(`${PLACE}/${name}\torigin\t${origin}\t-`);
  return found ?? { name, properties: new Map() };
}

void t.test('T7 who reads on a tree that is promoted over as well is told of before the decision', (t) => {
  const volume = { name: 'db', source: '/srv/db', publishDirectory: '/srv/.snapcommit/db' };
  const older = tree('.snapcommit-tree-a', 'tank/db@app:1');
  const aside = tree('.snapcommit-tree-b', 'tank/db@app:1');
  const clone = tree('.snapcommit-tree-c', `${older.name}@app:2`);
  const entry = (name: string, kind: Entry['kind'], dataset: string): Entry => ({
    name,
    kind,
    dataset: kind === 'tree' ? clone : { name: `${dataset}@${name}`, properties: new Map() },
  });
  const entries = [entry('.clone~4', 'tree', ''), entry('.staged~4', 'snapshot', clone.name)];
  const nothing = { name: 'tank/db', properties: new Map() };
  const rest = { place: nothing, live: nothing, liveName: 'tank/db', snapshots: [], trees: [older, aside, clone] };
  const family: Family = { ...rest, entries };
  const below = (name: string): string => `${volume.publishDirectory}/${name}/.zfs/snapshot/app:2`;
  const live = '/srv/db/.zfs/snapshot/app:1';
  const mounts = [
    mount('tank/db@app:1', live),
    mount(`${older.name}@app:2`, below('.snapcommit-tree-a')),
    mount(`${aside.name}@app:2`, below('.snapcommit-tree-b')),
    mount('tank/else', '/srv/else'),
  ];
  t.strictSame(promotedMounts(volume, family, mounts), [live, below('.snapcommit-tree-a')]);
  t.strictSame(promotedMounts(volume, { ...rest, entries: [] }, mounts), [live]);
  t.end();
});

void t.test('T7 what ZFS could not promote now is told of before the decision', async (t) => {
  const volume = { name: 'db', source: '/srv/db', publishDirectory: '/srv/.snapcommit/db' };
  const clone = tree('.snapcommit-tree-c', 'tank/db@app:1');
  const nothing = { name: 'tank/db', properties: new Map() };
  const family: Family = { place: nothing, live: nothing, liveName: 'tank/db', snapshots: [], trees: [], entries: [] };
  const ran: string[] = [];
  const commandsThatAnswer = (...answers: readonly string[]) => {
    let asked = 0;
    const run = async (_file: string, args: readonly string[]) => {
      ran.push(args.join(' '));
      const stdout = `{"return":${answers[Math.min(asked, answers.length - 1)] ?? ''}}`;
      asked += 1;
      return Promise.resolve({ status: 0, signal: null, stdout, stderr: '', timedOut: false });
    };
    return createZfsCommands({ run }, async (program) => Promise.resolve(`/sbin/${program}`));
  };
  const [can, busy, taken] = ['{"failed":-1,"errno":0}', '{"failed":0,"errno":16}', '{"failed":0,"errno":17}'];
  await assertPromotable(commandsThatAnswer(busy, can), volume, family, clone);
  t.same(
    ran,
    [`program -j tank - ${clone.name}`, `program -j tank - ${clone.name}`],
    'what is let go of is waited for',
  );
  await t.rejects(assertPromotable(commandsThatAnswer(busy), volume, family, clone), {
    code: 'IN_USE',
    message: /volume db .*zfs send/,
  });
  await t.rejects(assertPromotable(commandsThatAnswer(taken), volume, family, clone), {
    code: 'EXISTS',
    message: /could not promote/,
  });
  const older = tree('.snapcommit-tree-a', 'tank/db@app:1');
  const second = tree('.snapcommit-tree-c', `${older.name}@app:2`);
  const chain = { ...family, trees: [older, second] };
  await assertPromotable(commandsThatAnswer(can, taken), volume, chain, second);
  await t.rejects(
    assertPromotable(commandsThatAnswer(can, busy), volume, chain, second),
    { code: 'IN_USE' },
    'and so is what a second promotion of the same clone would meet',
  );
});
