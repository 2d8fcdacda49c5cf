/** Destroying several snapshots of a volume: in one call for each dataset, unless something is in the way of one. */
import t from 'tap';
import { createZfsCommands, type ZfsCommands } from '#src/adapters/driver-zfs/command.js';
import { parseProperties, type Dataset } from '#src/adapters/driver-zfs/properties.js';
import { removeSnapshots } from '#src/adapters/driver-zfs/remove-snapshots.js';

const place = { name: 'db', source: '/srv/db', publishDirectory: '/srv/.snapcommit/db' };

function snapshots(...names: readonly string[]): readonly Dataset[] {
  return parseProperties(names.map((name) => `${name}\tuserrefs\t${name.endsWith('2') ? '0' : '1'}\t-\n`).join(''));
}

/** `refuse`: what is said to a command; null where it succeeds. */
function recorder(refuse: (command: string) => string | null = () => null): {
  readonly ran: string[];
  readonly commands: ZfsCommands;
} {
  const ran: string[] = [];
  const run = async (_file: string, args: readonly string[]) => {
    ran.push(args.join(' '));
    const stderr = refuse(args.join(' '));
    return Promise.resolve({
      status: stderr === null ? 0 : 1,
      signal: null,
      stdout: '',
      stderr: stderr ?? '',
      timedOut: false,
    });
  };
  return { ran, commands: createZfsCommands({ run }, async (program) => Promise.resolve(`/sbin/${program}`)) };
}

void t.test('their holds are released in one call, and those of a dataset destroyed in one', async (t) => {
  const { ran, commands } = recorder();
  await removeSnapshots(commands, place, snapshots('tank/db@a1', 'tank/db@a2', 'tank/x@a3'));
  t.same(ran, ['release snapcommit tank/db@a1 tank/x@a3', 'destroy -d tank/db@a1,a2', 'destroy -d tank/x@a3']);
});

void t.test('many are destroyed in calls that a command line can hold', async (t) => {
  const { ran, commands } = recorder();
  const names = Array.from({ length: 300 }, (_, index) => `tank/db@${'x'.repeat(200)}${String(index)}`);
  await removeSnapshots(commands, place, snapshots(...names));
  const destroyed = ran.filter((line) => line.startsWith('destroy')).map((line) => line.split(','));
  t.same(
    destroyed.map(({ length }) => length),
    [256, 44],
  );
});

void t.test('where one is in the way each goes by itself, and its failure names it', async (t) => {
  const { ran, commands } = recorder((line) => {
    if (line.includes(',')) return 'cannot destroy snapshots: permission denied';
    if (line.endsWith('db@a2')) return 'could not find any snapshots to destroy; check snapshot names.';
    return line === 'destroy -d tank/db@a3' ? 'permission denied' : null;
  });
  const removing = removeSnapshots(commands, place, snapshots('tank/db@a1', 'tank/db@a2', 'tank/db@a3'));
  await t.rejects(removing, { code: 'DENIED', message: /db@a3/ });
  t.same(ran.slice(2), [
    'release snapcommit tank/db@a1',
    'destroy -d tank/db@a1',
    'destroy -d tank/db@a2',
    'release snapcommit tank/db@a3',
    'destroy -d tank/db@a3',
  ]);
});

void t.test('a hold that is gone already keeps none from going', async (t) => {
  const { ran, commands } = recorder((line) => (line.startsWith('release') ? 'no such tag on this dataset' : null));
  await removeSnapshots(commands, place, snapshots('tank/db@a1', 'tank/db@a3'));
  t.same(ran.slice(1), [
    'release snapcommit tank/db@a1',
    'destroy -d tank/db@a1',
    'release snapcommit tank/db@a3',
    'destroy -d tank/db@a3',
  ]);
});
