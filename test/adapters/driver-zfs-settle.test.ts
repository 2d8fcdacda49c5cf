/** The end of an exchange, with commands that are only written down. */
import t from 'tap';
import type { ZfsCommands } from '#src/adapters/driver-zfs/command.js';
import type { Family } from '#src/adapters/driver-zfs/family.js';
import { parseProperties, type Dataset } from '#src/adapters/driver-zfs/properties.js';
import { settle } from '#src/adapters/driver-zfs/settle.js';

const volume = { name: 'db', source: '/tank/db', publishDirectory: '/tank/.snapcommit/db' };
const TREE = 'tank/.snapcommit/db/.snapcommit-tree-00000000000000aa';
const PATH = '/tank/.snapcommit/db/.snapcommit-tree-00000000000000aa';

function dataset(
  name: string,
  properties: Readonly<Record<string, readonly [value: string, source: string]>>,
): Dataset {
  const lines = Object.entries(properties).map(
    ([property, [value, source]]) => `${name}\t${property}\t${value}\t${source}`,
  );
  const [found] = parseProperties(lines.join('\n'));
  if (found === undefined) throw new TypeError('no properties');
  return found;
}

function family(live: Dataset): Family {
  return { place: live, liveName: live.name, live, trees: [], snapshots: [], entries: [] };
}

function recording(ran: string[]): ZfsCommands {
  const run = async (args: readonly string[]): Promise<string> => {
    ran.push(args.join(' '));
    return Promise.resolve('');
  };
  return { zfs: run, zpool: run, attempt: async (args) => ({ output: await run(args), failure: null }) };
}

const live = dataset('tank/db', {
  guid: ['187', '-'],
  canmount: ['noauto', 'local'],
  readonly: ['off', 'default'],
});

void t.test('what only one dataset can have goes over, also where the mount point was inherited', async (t) => {
  const ran: string[] = [];
  const replaced = dataset(TREE, {
    guid: ['170', '-'],
    canmount: ['on', 'default'],
    // below its place it inherits the very path that it is to have
    mountpoint: [PATH, 'inherited from tank/.snapcommit/db'],
    readonly: ['on', 'local'],
    reservation: ['1048576', 'local'],
    sharenfs: ['ro', 'local'],
  });
  t.equal(await settle(recording(ran), volume, family(live), replaced), true);
  t.same(ran, [
    'set canmount=on tank/db',
    'set reservation=1048576 tank/db',
    `set reservation=none ${TREE}`,
    'set sharenfs=ro tank/db',
    `set sharenfs=off ${TREE}`,
    'share tank/db',
    `set mountpoint=${PATH} ${TREE}`,
    `mount ${TREE}`,
  ]);
});

void t.test('one that has its own path owes its mount only', async (t) => {
  const ran: string[] = [];
  const replaced = dataset(TREE, { guid: ['170', '-'], canmount: ['on', 'local'], mountpoint: [PATH, 'local'] });
  t.equal(await settle(recording(ran), volume, family(live), replaced), true);
  t.same(ran, [`mount ${TREE}`]);
  t.equal(await settle(recording(ran), volume, family(live), null), false, 'one that was deleted since owes nothing');
});
