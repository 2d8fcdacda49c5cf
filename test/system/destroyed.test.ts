/** A committed snapshot that another tool destroyed before it was published (G9): what is lost with it, and what is not. */
import t from 'tap';
import { commitWork, openWork } from './commands.js';
import { assertOpened } from './readers.js';
import { Story } from './story.js';

const BLOBS = { name: 'blobs', source: '/srv/blobs', publishDirectory: '/srv/.snapcommit/blobs' };

t.test('G9 a generation that can never be published is named, and hides none that comes after it', async (t) => {
  const story = await Story.begin();
  const { world } = story;
  const b = world.machine('b');
  const robbed = story.run('a', 'robbed', commitWork('robbed'));
  story.when(/^before driver\.lookup of b daemon/, () => {
    const { entries } = b.driver.world.image(BLOBS.source);
    const staged = [...entries.keys()].filter((name) => name.startsWith('.staged~'));
    world.do(() => b.driver.remove(BLOBS, staged));
  });
  t.equal(await story.endOf(robbed), 'ended with 9');
  t.match(story.messageOf(robbed), /volume blobs is gone.*`snapcommit commit app` makes another one/);
  const open = (node: string, name: string): ReturnType<Story['run']> =>
    story.run(
      node,
      name,
      openWork((opened) => {
        world.judging(() => {
          assertOpened(world.machine(node), opened, 3, world);
        });
      }),
    );
  t.equal(
    await story.endOf(open('b', 'open-early')),
    'ended with 9',
    'while it is the newest, it is what is asked for',
  );
  t.equal(await story.endOf(story.run('a', 'later', commitWork('later'))), 'ended with 0');
  for (const node of ['a', 'b']) {
    const reader = open(node, `open-${node}`);
    t.equal(await story.endOf(reader), 'ended with 0', `${node} shows the one after it: ${story.messageOf(reader)}`);
  }
  t.ok(world.state()?.pending['app@2'], 'it is still told as not published');
  t.equal(world.violation, null);
});
