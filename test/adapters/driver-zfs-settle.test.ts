/** What goes from a replaced dataset to the live one, in which order, with a runner that only says what it would. */
import t from 'tap';
import { createZfsCommands } from '#src/adapters/driver-zfs/command.js';
import type { Family } from '#src/adapters/driver-zfs/family.js';
import { parseProperties, type Dataset } from '#src/adapters/driver-zfs/properties.js';
import { settle } from '#src/adapters/driver-zfs/settle.js';
import type { CommandRunner } from '#src/ports/commands.js';

const place = { name: 'db', source: '/srv/db', publishDirectory: '/srv/.snapcommit/db' };
const TREE = '.snapcommit-tree-1';
const KEPT = `tank/.snapcommit/db/${TREE}`;
const LIVE = 'tank/db';
const SHOWN = `${place.publishDirectory}/${TREE}`;
const READ_ONLY = ['readonly', 'on', 'local'] as const;

type Line = readonly [property: string, value: string, source: string];

function dataset(name: string, ...lines: readonly Line[]): Dataset {
  const [found] = parseProperties(lines.map((line) => [name, ...line].join('\t')).join('\n'));
  return found ?? { name, properties: new Map() };
}

/** What would be run; `refuses`: the beginning of the command that fails the first time; `delegated`: what `zfs allow` prints. */
async function commandsOf(
  live: Dataset,
  replaced: Dataset,
  refuses: string | null = null,
  delegated = '',
): Promise<readonly string[]> {
  const ran: string[] = [];
  let refused = false;
  const runner: CommandRunner = {
    run: async (_file, args) => {
      const command = args.join(' ');
      ran.push(command);
      const fails = !refused && refuses !== null && command.startsWith(refuses);
      refused ||= fails;
      const stderr = fails ? 'out of space' : '';
      const stdout = command === `allow ${KEPT}` ? delegated : '';
      return Promise.resolve({ status: fails ? 1 : 0, signal: null, stdout, stderr, timedOut: false });
    },
  };
  const commands = createZfsCommands(runner, async (program) => Promise.resolve(`/sbin/${program}`));
  const family: Family = { place: live, liveName: LIVE, live, trees: [replaced], snapshots: [], entries: [] };
  await settle(commands, place, family, replaced);
  return ran;
}

void t.test('G12 a dataset that inherits its mount point hands over whether it is mounted at boot', async (t) => {
  const live = dataset(LIVE, ['canmount', 'noauto', 'local']);
  const inherits = dataset(
    KEPT,
    READ_ONLY,
    ['canmount', 'on', 'default'],
    ['mountpoint', SHOWN, 'inherited from tank'],
  );
  t.same(await commandsOf(live, inherits), [
    `set canmount=on ${LIVE}`,
    `allow ${KEPT}`,
    `set canmount=on mountpoint=${SHOWN} ${KEPT}`,
    `mount ${KEPT}`,
  ]);
});

void t.test('G12 one that somebody mounts by hand stays so, however often this is begun', async (t) => {
  const live = dataset(LIVE, ['canmount', 'noauto', 'local']);
  const byHand = dataset(KEPT, READ_ONLY, ['canmount', 'noauto', 'local'], ['mountpoint', place.source, 'local']);
  t.same(await commandsOf(live, byHand), [
    `allow ${KEPT}`,
    `set canmount=on mountpoint=${SHOWN} ${KEPT}`,
    `mount ${KEPT}`,
  ]);
});

void t.test('G12 what is handed over is not lost in between', async (t) => {
  const live = dataset(LIVE, ['canmount', 'on', 'default']);
  const replaced = dataset(
    KEPT,
    READ_ONLY,
    ['mountpoint', place.source, 'local'],
    ['reservation', '4096', 'local'],
    ['sharenfs', 'on', 'local'],
  );
  const end = [`allow ${KEPT}`, `set canmount=on mountpoint=${SHOWN} ${KEPT}`, `mount ${KEPT}`];
  const shared = [`set sharenfs=on ${LIVE}`, `set sharenfs=off ${KEPT}`, `share ${LIVE}`];
  t.same(await commandsOf(live, replaced), [
    `set reservation=4096 ${LIVE}`,
    `set reservation=none ${KEPT}`,
    `inherit snapcommit:let-go-reservation ${KEPT}`,
    ...shared,
    ...end,
  ]);
  t.same(
    await commandsOf(live, replaced, 'set reservation=4096'),
    [
      `set reservation=4096 ${LIVE}`,
      `set snapcommit:let-go-reservation=4096 ${KEPT}`,
      `set reservation=none ${KEPT}`,
      `set reservation=4096 ${LIVE}`,
      `inherit snapcommit:let-go-reservation ${KEPT}`,
      ...shared,
      ...end,
    ],
    'where there is no room for both',
  );
  const letGo = dataset(
    KEPT,
    READ_ONLY,
    ['mountpoint', place.source, 'local'],
    ['reservation', '0', 'local'],
    ['snapcommit:let-go-reservation', '4096', 'local'],
  );
  t.equal((await commandsOf(live, letGo))[0], `set reservation=4096 ${LIVE}`, 'by whoever goes on after a crash');
});

void t.test('a dataset that was settled is left alone, but for its mount', async (t) => {
  const settled = dataset(KEPT, READ_ONLY, ['mountpoint', SHOWN, 'local'], ['canmount', 'on', 'local']);
  t.same(await commandsOf(dataset(LIVE, ['canmount', 'noauto', 'local']), settled), [`mount ${KEPT}`]);
});

/** As OpenZFS 2.1 and 2.3 print it. */
const DELEGATED = `---- Permissions on ${KEPT} ---------------
Permission sets:
\t@backup hold,release,snapshot
\t@backup @other
Create time permissions:
\tdestroy,mount
Local permissions:
\tuser alice create,mount
\tgroup domain users snapshot
Descendent permissions:
\teveryone userprop
Local+Descendent permissions:
\tuser 4711 @backup
\tuser bob,carol destroy
\tuser 0x10 destroy
\tuser -e destroy
---- Permissions on tank/.snapcommit ----------------------------------
Local+Descendent permissions:
\tuser mallory destroy
---- Permissions on tank ----------------------------------------------
Local permissions:
\teveryone destroy
`;

void t.test('what was delegated on the replaced dataset is delegated on the live one, and nothing else', async (t) => {
  const live = dataset(LIVE, ['canmount', 'on', 'default']);
  const replaced = dataset(KEPT, READ_ONLY, ['mountpoint', place.source, 'local']);
  const granted = [
    '-s @backup hold,release,snapshot',
    '-s @backup @other',
    '-c destroy,mount',
    '-l -u alice create,mount',
    '-l -g domain users snapshot',
    '-d -e userprop',
    '-u 4711 @backup',
  ].map((grant) => `allow ${grant} ${LIVE}`);
  const end = [`set canmount=on mountpoint=${SHOWN} ${KEPT}`, `mount ${KEPT}`];
  t.same(await commandsOf(live, replaced, null, DELEGATED), [`allow ${KEPT}`, ...granted, ...end]);
  t.same(
    await commandsOf(live, replaced, 'allow -l -u alice', DELEGATED),
    [`allow ${KEPT}`, ...granted, ...end],
    'who is not known any more keeps nobody from the rest',
  );
  t.same(await commandsOf(live, replaced, 'allow', DELEGATED), [`allow ${KEPT}`, ...end]);
});
