/** Frozen writers across hosts: nothing stands still for longer than it may, whoever dies or sleeps, and no grade is claimed that was not earned. */
import t from 'tap';
import { CGROUP } from './application.js';
import { commitWork } from './commands.js';
import { STALL_LIMIT_MS } from './names.js';
import { Story } from './story.js';

t.test(
  'G1 L2 a coordinator that stops while writers stand still keeps none of them for longer than the limit',
  async (t) => {
    const story = await Story.begin();
    const { world } = story;
    const command = story.run('a', 'commit', commitWork('commit'));
    story.when(/^before b\.stage/, (process) => {
      process.running.paused = true;
    });
    await world.until(() => command.process.running.paused, 5000, 'freeze');
    t.ok(world.machine('b').freezer.isStill(CGROUP), 'writers stand still on the other host');
    await world.pass(STALL_LIMIT_MS + 50);
    for (const machine of world.machines.values()) t.same(machine.freezer.frozen(), [], `${machine.name} writes again`);
    await world.pass(3000);
    command.process.running.resume();
    await story.endOf(command);
    t.not(world.judge.transactionOf('commit')?.decision, 'committed', 'its round did not count');
    await story.finish(t);
  },
);

t.test(
  'G3 writers of another host that never stand still end the transaction, by name, and all run again',
  async (t) => {
    const story = await Story.begin();
    story.world.machine('b').freezer.setStuck(CGROUP, true);
    const command = story.run('a', 'commit', commitWork('commit'));
    t.equal(await story.endOf(command), 'ended with 5');
    t.match(story.messageOf(command), /node b/);
    t.match(story.messageOf(command), /\/app/);
    for (const machine of story.world.machines.values()) t.same(machine.freezer.frozen(), []);
    story.world.machine('b').freezer.setStuck(CGROUP, false);
    await story.finish(t);
  },
);

t.test('G4 a daemon that ends while its writers stand still leaves none of them frozen', async (t) => {
  const story = await Story.begin();
  const { world } = story;
  const command = story.run('a', 'commit', commitWork('commit'));
  story.when(/^after freezer\.request of b daemon/, (process) => {
    world.kill(world.machine('b'), process);
    world.scheduler.after(100, () => {
      t.same(world.machine('b').freezer.frozen(), [], 'its guard thawed');
      world.do(() => world.machine('b').startDaemon());
    });
  });
  t.match(await story.endOf(command), /^ended with [05]$/);
  await story.finish(t);
});

t.test('T15 a freeze that lapses on one host while another still stages voids the round', async (t) => {
  const story = await Story.begin();
  const { world } = story;
  const command = story.run('a', 'commit', commitWork('commit'));
  // Somebody thaws the writers of a (`thaw --all`) while b is only about to take its snapshots.
  story.when(/^before driver\.stage of b daemon/, (process) => {
    process.running.paused = true;
    const a = world.machine('a');
    world.do(() => a.freezer.writersOf(a.spawn('thaw')).thawAll(true));
    world.scheduler.after(100, () => {
      process.running.resume();
    });
  });
  t.match(await story.endOf(command), /^ended with [05]$/);
  t.ok(
    world.warnings.some((text) => text.includes('did not stand still')),
    'the round was void',
  );
  await story.finish(t);
});

t.test('G2 a group cannot be removed while a round of it is under way', async (t) => {
  const story = await Story.begin();
  const { world } = story;
  const command = story.run('a', 'commit', commitWork('commit'));
  let answered: string | null = null;
  story.when(/^after freezer\.request of b daemon/, () => {
    world.do(async () => {
      const result = await world
        .machine('c')
        .daemon?.host.append({ type: 'removeGroup', group: 'app', generations: [1] });
      answered = result?.status === 'chosen' && !result.outcome.ok ? result.outcome.code : 'taken';
    });
  });
  t.equal(await story.endOf(command), 'ended with 0');
  t.equal(answered, 'BUSY', 'whoever wants to remove it is told to wait');
  await story.finish(t);
});

t.test('G6 of two coordinators on two hosts one commits, and the other is told that the group is busy', async (t) => {
  const story = await Story.begin();
  const commands = ['a', 'b', 'c'].map((node) => story.run(node, `commit-${node}`, commitWork(`commit-${node}`)));
  const ends: string[] = [];
  for (const command of commands) ends.push(await story.endOf(command));
  t.same(ends.toSorted(), ['ended with 0', 'ended with 4', 'ended with 4']);
  await story.finish(t);
});
