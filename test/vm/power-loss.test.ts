// test-timeout-seconds: 1800
/**
 * The power goes in each phase of commit, transact and prune, over a group of one btrfs and one ZFS volume, in a machine
 * that boots again: the boot's own unit recovers, and a look from outside finds the old or the new generation, whole.
 */
import t from 'tap';
import { bootGuest, untilItSays, type TestGuest } from './rig.js';

/** One point of every phase of each operation; null: right after it was acknowledged. */
const CUTS: readonly (readonly [operation: string, point: string | null])[] = [
  ['commit', 'freeze.frozen'],
  ['commit', 'stage.after-first'],
  ['commit', 'commit.after'],
  ['commit', 'publish.after-rename'],
  ['commit', null],
  // Before the swaps: what one takes depends, over ZFS, on how many generations there are.
  ['prune', 'retire.after'],
  ['prune', 'trash.after-rename'],
  ['transact', 'clone.after-first'],
  ['transact', 'seal.after-first'],
  ['transact', 'exchange.after-exchange'],
];
/** SNAPCOMMIT_POWER_CUTS=transact@exchange,prune picks the cuts whose OPERATION@POINT begins with one of these. */
const picked = (process.env['SNAPCOMMIT_POWER_CUTS'] ?? '').split(',');
const cuts = CUTS.filter(([operation, point]) =>
  picked.some((begin) => `${operation}@${point ?? 'end'}`.startsWith(begin)),
);
const INSIDE = ['node', 'build/test/vm/inside/guest-world-process.js'];

await t.test('G12 D7 the power goes in each phase, and the boot recovers', async (t) => {
  const guest = await bootGuest(t, { dataDisks: { db: 512, wal: 512 } });
  await guest.must([...INSIDE, 'make']);
  for (const [operation, point] of cuts) {
    const at = `${operation} at ${point ?? 'its end'}`;
    const { reached, problems } = await cutAndBoot(guest, operation, point);
    t.equal(reached, true, `${at} is reached`);
    t.strictSame(problems, [], at);
  }
  t.comment(`${String(cuts.length)} power cuts tried, each with a boot`);
});

async function cutAndBoot(
  guest: TestGuest,
  operation: string,
  point: string | null,
): Promise<{ reached: boolean; problems: readonly string[] }> {
  const words = point === null ? ['end', operation] : ['stop', operation, point];
  const line = await untilItSays(guest, [...INSIDE, ...words], 'stopped ');
  await guest.cutPower();
  await guest.boot();
  const [, markers = '[]', newest] = (line ?? '').split(' ');
  const problems = JSON.parse(await guest.must([...INSIDE, 'check', markers])) as string[];
  const shown = newest === undefined ? '' : await guest.must(['ls', '/srv/db/.snapcommit/db']);
  const isLost = newest !== undefined && !shown.includes(`app@${newest}\n`);
  return { reached: line !== null, problems: [...problems, ...(isLost ? [`acknowledged app@${newest} is gone`] : [])] };
}
