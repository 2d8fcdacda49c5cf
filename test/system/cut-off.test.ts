/** What a host that is cut off from the others still says, and what it hears when it is back. */
import t from 'tap';
import { SnapcommitError } from '#src/errors.js';
import { commitWork, type CommandWork } from './commands.js';
import { GROUP } from './names.js';
import { Story } from './story.js';

/** A story in which this host, which has no volumes, leads the log. */
async function ledBy(node: string): Promise<Story> {
  for (let seed = 1; ; seed += 1) {
    const story = await Story.begin({ seed });
    if (story.world.leader()?.name === node) return story;
  }
}

t.test('P8 a host that is cut off while it leads the log shows nothing that is not the newest any more', async (t) => {
  const story = await ledBy('c');
  const { world } = story;
  for (const other of ['a', 'b']) {
    world.network.cut('c', other);
    world.network.cut(other, 'c');
  }
  const read: number[] = [];
  let isBack = false;
  // Asked all the time: before the others have chosen anybody else, while another one leads, and afterwards.
  const reading: CommandWork = async ({ log, timers }) => {
    for (let last = false; !last;) {
      last = isBack;
      await log.read().then(
        (state) => {
          const newest = state.groups[GROUP]?.newest ?? 0;
          read.push(newest);
          if (newest < world.judge.newest(GROUP)) world.fail('stale', `c showed ${String(newest)} as the newest`);
        },
        (error: unknown) => {
          if (!(error instanceof SnapcommitError) || error.code !== 'UNAVAILABLE') throw error;
        },
      );
      await new Promise<void>((resolve) => timers.after(50, resolve));
    }
    return null;
  };
  const reader = story.run('c', 'open-always', reading);
  t.equal(await story.endOf(story.run('a', 'meanwhile', commitWork('meanwhile'))), 'ended with 0');
  t.notOk(read.includes(1), 'nothing old was shown');
  world.network.mendAll();
  await world.until(() => read.length > 0, 10_000, 'answer on c');
  isBack = true;
  t.equal(await story.endOf(reader), 'ended with 0');
  t.same([...new Set(read)], [2], 'back among the others it shows what they have committed');
  await story.finish(t);
});
