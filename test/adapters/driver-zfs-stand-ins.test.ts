/** Stand-ins of generations: for which there are some, and where the links lead. ZFS only says what it would do. */
import { existsSync, mkdirSync, readdirSync, readlinkSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createZfsCommands } from '#src/adapters/driver-zfs/command.js';
import type { Entry, Family } from '#src/adapters/driver-zfs/family.js';
import { mendLink, setLinks } from '#src/adapters/driver-zfs/links.js';
import { parseProperties, type Dataset } from '#src/adapters/driver-zfs/properties.js';
import { isOpened, leadAside, leadBack, leadBackLeft, makeStandIns } from '#src/adapters/driver-zfs/stand-ins.js';
import type { Mount } from '#src/native/mountinfo.js';
import type { VolumePlace } from '#src/ports/volume-driver.js';
import { temporaryDirectory } from '../support/temp.js';

const PLACE = 'tank/.snapcommit/db';

function dataset(name: string, properties: Readonly<Record<string, string>>): Dataset {
  const lines = Object.entries(properties).map(([property, value]) => [name, property, value, 'local'].join('\t'));
  const [found] = parseProperties(lines.join('\n'));
  return found ?? { name, properties: new Map() };
}

function snapshot(name: string, of: string, guid: number): Entry {
  return { name, kind: 'snapshot', dataset: dataset(`${of}@${name.replace('@', ':')}`, { guid: String(guid) }) };
}

/** What a stand-in for the snapshot of that guid is called. */
function component(guid: number): string {
  return `.snapcommit-tree-${guid.toString(16).padStart(16, '0')}`;
}

function standIn(guid: number): Dataset {
  return dataset(`${PLACE}/${component(guid)}`, { 'snapcommit:stands-for': String(guid) });
}

function mountOf(tree: Dataset, { publishDirectory }: VolumePlace): Mount {
  const mountPoint = join(publishDirectory, tree.name.slice(PLACE.length + 1));
  const rest = { id: 2, parent: 1, device: '0:9', options: ['rw'], shared: true };
  return { ...rest, root: '/', mountPoint, type: 'zfs', source: tree.name };
}

function familyOf(trees: readonly Dataset[], entries: readonly Entry[]): Family {
  const live = dataset('tank/db', { guid: '7', acltype: 'posix', quota: '1' });
  return { place: dataset(PLACE, { guid: '8' }), liveName: 'tank/db', live, trees, snapshots: [], entries };
}

function makePlace(t: Test): VolumePlace {
  const directory = temporaryDirectory(t, 'stand-ins');
  const publishDirectory = join(directory, 'publish');
  mkdirSync(publishDirectory);
  return { name: 'db', source: join(directory, 'live'), publishDirectory };
}

/** Instead of asking whether the kernel has mounted it. */
const isThere = async (path: string): Promise<boolean> => Promise.resolve(existsSync(path));

function recorder(): { readonly ran: string[]; readonly commands: ReturnType<typeof createZfsCommands> } {
  const ran: string[] = [];
  const run = async (_file: string, args: readonly string[]) => {
    ran.push(args.join(' '));
    return Promise.resolve({ status: 0, signal: null, stdout: '', stderr: '', timedOut: false });
  };
  return { ran, commands: createZfsCommands({ run }, async (program) => Promise.resolve(`/sbin/${program}`)) };
}

void t.test('G12 every generation that an exchange moves has a stand-in, and nothing else has', async (t) => {
  const place = makePlace(t);
  const { ran, commands } = recorder();
  const older = dataset(`${PLACE}/.snapcommit-tree-a`, { guid: '20', origin: 'tank/db@app:1' });
  const aside = dataset(`${PLACE}/.snapcommit-tree-b`, { guid: '21', origin: 'tank/db@app:1' });
  const clone = dataset(`${PLACE}/.snapcommit-tree-c`, { guid: '22', origin: `${older.name}@app:2` });
  const entries = [
    snapshot('app@1', 'tank/db', 1),
    snapshot('app@2', older.name, 2),
    snapshot('app@3', aside.name, 3),
    snapshot('app@4', clone.name, 4),
    snapshot('.staged~5', 'tank/db', 5),
    snapshot('app@6', 'tank/db', 6),
  ];
  const family = familyOf([older, aside, clone, standIn(6)], entries);
  const mounts = [mountOf(standIn(6), place)];
  t.equal(await makeStandIns(commands, place, family, clone, mounts), true, 'the family is another one now');
  const cloned = ran.filter((command) => command.startsWith('clone '));
  t.same(
    cloned.map((command) => command.split(' ').slice(-2)),
    [
      ['tank/db@app:1', `${PLACE}/${component(1)}`],
      [`${older.name}@app:2`, `${PLACE}/${component(2)}`],
      [`${clone.name}@app:4`, `${PLACE}/${component(4)}`],
    ],
  );
  t.match(cloned[0], 'readonly=on', 'nobody can write into a generation');
  t.match(cloned[0], 'acltype=posix', 'its access lists hold');
  t.notMatch(cloned[0], 'quota', 'and it may hold more than the live tree may now');
  t.match(cloned[0], 'canmount=on', 'it is mounted after a reboot');
  t.same(readdirSync(place.publishDirectory).sort(), [1, 2, 4].map(component), 'by its directory it is found again');
  t.equal(await makeStandIns(commands, place, familyOf([standIn(6)], entries.slice(5)), clone, mounts), false);
});

void t.test('G12 readers are led to a stand-in that is mounted, and to no other', async (t) => {
  const place = makePlace(t);
  const entries = [snapshot('app@1', 'tank/db', 1), snapshot('app@2', 'tank/db', 2)];
  for (const { name } of entries) symlinkSync('/before', join(place.publishDirectory, name));
  await leadAside(place, familyOf([standIn(1), standIn(2)], entries), [mountOf(standIn(2), place)]);
  t.equal(readlinkSync(join(place.publishDirectory, 'app@1')), '/before');
  const link = join(place.publishDirectory, 'app@2');
  mkdirSync(join(place.publishDirectory, component(2)));
  t.throws(() => readdirSync(link), { code: 'ENOENT' }, 'one that a boot has not mounted is no empty generation');
  mkdirSync(join(place.publishDirectory, component(2), '.zfs'));
  t.same(readdirSync(link), ['.zfs'], 'one that is mounted shows its root');
});

void t.test('G12 where the kernel shows a directory of its own instead of a snapshot, that is not there', async (t) => {
  t.equal(await isOpened(makePlace(t).publishDirectory), false, 'on the device of what is above it');
  t.equal(await isOpened('/proc/none'), false);
  t.equal(await isOpened('/proc'), true, 'mounted');
});

void t.test('G12 who looks before the stand-ins are mounted turns no link to where nothing is', async (t) => {
  const place = makePlace(t);
  const entry = snapshot('app@1', 'tank/db', 1);
  const link = join(place.publishDirectory, entry.name);
  symlinkSync(`${component(1)}/.zfs/..`, link);
  const family = familyOf([standIn(1)], [entry]);
  await mendLink(place, family, entry);
  t.equal(readlinkSync(link), `${component(1)}/.zfs/..`);
  const target = join(place.source, '.zfs/snapshot/app:1');
  mkdirSync(target, { recursive: true });
  await mendLink(place, family, entry);
  t.equal(readlinkSync(link), target, 'where it is there, readers need not wait for recovery');
});

void t.test('G12 readers are led back only to where something is, and what they still need stays', async (t) => {
  const place = makePlace(t);
  const { ran, commands } = recorder();
  const entries = [snapshot('app@1', 'tank/db', 1), snapshot('app@2', 'tank/gone', 2)];
  const target = join(place.source, '.zfs/snapshot/app:1');
  mkdirSync(target, { recursive: true });
  for (const [index, { name }] of entries.entries())
    symlinkSync(component(index + 1), join(place.publishDirectory, name));
  const family = familyOf([standIn(1), standIn(2), standIn(3)], entries);
  // what comes after the destruction asks ZFS, which says nothing here
  await leadBack(commands, place, family, isThere).catch(() => undefined);
  t.equal(readlinkSync(join(place.publishDirectory, 'app@1')), target);
  t.equal(readlinkSync(join(place.publishDirectory, 'app@2')), component(2));
  t.same(
    ran.filter((command) => command.startsWith('program ')),
    [`program -j tank - ${standIn(1).name} ${standIn(3).name}`],
    'those that nobody needs go, in one call',
  );
});

void t.test('G12 after an exchange nobody is led where he was not led back to', async (t) => {
  const place = makePlace(t);
  const { commands } = recorder();
  const entries = [snapshot('app@1', 'tank/gone', 1), snapshot('app@2', 'tank/db', 2)];
  symlinkSync(component(1), join(place.publishDirectory, 'app@1'));
  const family = familyOf([standIn(1)], entries);
  await setLinks(place, await leadBack(commands, place, family, isThere));
  t.equal(readlinkSync(join(place.publishDirectory, 'app@1')), component(1), 'its snapshot cannot be reached yet');
  t.equal(readlinkSync(join(place.publishDirectory, 'app@2')), `${place.source}/.zfs/snapshot/app:2`);
});

void t.test('an error of who leads back names the volume', async (t) => {
  const place = makePlace(t);
  const { commands } = recorder();
  const family = familyOf([standIn(1)], []);
  const missing = { ...place, publishDirectory: join(place.publishDirectory, 'missing') };
  await t.rejects(leadBack(commands, missing, family), {
    code: 'VOLUME_UNAVAILABLE',
    message: /^volume db .*lead the readers/,
  });
});

void t.test(
  'G12 T13 a prune between two steps of an exchange takes nothing away that was made ready for it',
  async (t) => {
    const place = makePlace(t);
    const clone = dataset(`${PLACE}/.snapcommit-tree-c`, { guid: '22', origin: 'tank/db@app:1' });
    const replaced = dataset(`${PLACE}/.snapcommit-tree-d`, { guid: '23' });
    const seal = snapshot('.staged~4', clone.name, 4);
    const entries: readonly Entry[] = [
      snapshot('app@1', 'tank/db', 1),
      snapshot('.trash~2', 'tank/db', 2),
      snapshot('app@3', replaced.name, 3),
      { name: 'app@9.replaced', kind: 'tree', dataset: replaced },
      { name: '.clone~4', kind: 'tree', dataset: clone },
      seal,
    ];
    mkdirSync(join(place.source, '.zfs/snapshot/app:1'), { recursive: true });
    const link = join(place.publishDirectory, 'app@1');
    symlinkSync(component(1), link);
    const family = familyOf([clone, replaced, standIn(1)], entries);
    const { ran, commands } = recorder();
    t.equal(await leadBackLeft(commands, place, family, ['.trash~2'], isThere), family);
    t.equal(readlinkSync(link), component(1), 'who reads goes on where the exchange led him');
    t.same(ran, []);
    for (const removed of [['.clone~4'], ['.staged~4']]) {
      await leadBackLeft(commands, place, family, removed, isThere).catch(() => undefined);
      t.match(ran.splice(0)[0], /^program /, `what nobody will exchange goes, when ${String(removed)} does`);
    }
    const alone = familyOf([replaced, standIn(1)], entries.slice(0, 4));
    await leadBackLeft(commands, place, alone, ['.trash~2'], isThere).catch(() => undefined);
    t.match(ran[0], /^program /, 'and so does what somebody left who died');
  },
);

void t.test(
  'G12 who only looks leaves a link alone that leads somewhere, whatever was read of ZFS before',
  async (t) => {
    const place = makePlace(t);
    const entry = snapshot('app@1', 'tank/db', 1);
    const family = familyOf([], [entry]);
    const link = join(place.publishDirectory, entry.name);
    mkdirSync(join(place.publishDirectory, component(1)));
    symlinkSync(component(1), link);
    await mendLink(place, family, entry);
    t.equal(readlinkSync(link), component(1), 'an exchange has led it there since');
  },
);
