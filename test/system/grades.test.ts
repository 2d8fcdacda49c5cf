/** A generation of several hosts claims what all of them have earned, and no more. */
import t from 'tap';
import { commitWork } from './commands.js';
import { Story } from './story.js';

function gradeOf({ world }: Story, generation: number): string | undefined {
  return world.judge.generations.get(`app@${String(generation)}`)?.manifest.consistency.grade;
}

t.test('G13 what is called a barrier had no write between its snapshots, whichever host made them', async (t) => {
  for (const seed of [1, 2, 3]) {
    // The world checks each commit: the application writes to every volume by turns.
    const story = await Story.begin({ seed });
    for (const node of ['a', 'b', 'c'])
      t.equal(await story.endOf(story.run(node, node, commitWork(node, { require: 'barrier' }))), 'ended with 0');
    t.ok(story.world.application.writes > 0, 'somebody wrote');
    t.equal(gradeOf(story, 4), 'barrier');
    await story.finish(t);
  }
});

t.test('G13 a hook that fails on one host takes its grade from the whole generation', async (t) => {
  const story = await Story.begin({ hooks: true });
  const b = story.world.machine('b');
  t.equal(gradeOf(story, 1), 'application', 'where all hooks hold');
  b.failingHooks.add('/hooks/post');
  t.equal(await story.endOf(story.run('a', 'weaker', commitWork('weaker'))), 'ended with 0');
  t.equal(gradeOf(story, 2), 'barrier', 'where one of b failed');
  const wanting = story.run('a', 'wanting', commitWork('wanting', { require: 'application' }));
  t.equal(await story.endOf(wanting), 'ended with 5', 'and who requires more gets nothing');
  b.failingHooks.clear();
  await story.finish(t);
});
