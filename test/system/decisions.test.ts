/** Who decides, and what a coordinator can still do that was given up for dead. */
import t from 'tap';
import { SnapcommitError } from '#src/errors.js';
import { abandonWork, commitWork, pruneWork, restoreWork } from './commands.js';
import { Story } from './story.js';

/** A commit on `a` whose every volume is staged, and which sleeps before the append that is its commit point. */
async function asleepBeforeItsCommit() {
  const story = await Story.begin();
  const command = story.run('a', 'commit', commitWork('commit'));
  story.when(/^after b\.resume of a commit/, (process) => {
    process.running.paused = true;
  });
  await story.world.until(() => command.process.running.paused, 5000, 'cut');
  return { story, command };
}

t.test(
  'L2 T6 a coordinator that sleeps before its commit and is taken over commits nothing when it wakes',
  async (t) => {
    const { story, command } = await asleepBeforeItsCommit();
    const { world } = story;
    // Its own daemon would end it: here only the machine's network is gone, and the others decide.
    for (const other of ['b', 'c']) {
      world.network.cut('a', other);
      world.network.cut(other, 'a');
    }
    await world.until(() => world.judge.transactionOf('commit')?.decision === 'aborted', 10_000, 'take-over');
    world.network.mendAll();
    command.process.running.resume();
    const said = await story.endOf(command);
    t.match(said, /^(was killed|ended with 5)$/);
    t.equal(world.judge.newest('app'), 1, 'nothing was committed');
    await story.finish(t);
  },
);

t.test('L4 recoverers on every host and a coordinator that wakes among them decide once', async (t) => {
  const decisions = new Set<string>();
  // Who wakes at once commits before anybody has taken over; later ones meet the take-over, the abort, or come after it.
  for (const sleepsForMs of [0, 10, 20, 30, 40, 50, 75, 100, 200, 400]) {
    const { story, command } = await asleepBeforeItsCommit();
    const { world } = story;
    const recoveries = ['b', 'c', 'b', 'c'].map((node, index) =>
      story.run(node, `recover-${String(index)}`, abandonWork('commit')),
    );
    world.scheduler.after(sleepsForMs, () => {
      command.process.running.resume();
    });
    for (const recovery of recoveries) t.equal(await story.endOf(recovery), 'ended with 0');
    t.match(await story.endOf(command), /^ended with [05]$/);
    decisions.add(world.judge.transactionOf('commit')?.decision ?? 'none');
    await story.finish(t);
  }
  t.same([...decisions].toSorted(), ['aborted', 'committed'], 'both came about');
});

t.test('T6 a coordinator that wakes between its take-over and the abort cannot commit any more', async (t) => {
  const story = await Story.begin();
  const { world } = story;
  const command = story.run('a', 'commit', commitWork('commit'));
  story.when(/^after b\.resume of a commit/, (process) => {
    process.running.paused = true;
  });
  await world.until(() => command.process.running.paused, 5000, 'cut');
  const recovery = story.run('b', 'recover', abandonWork('commit'));
  story.when(/^after log\.append of b recover/, (process) => {
    process.running.paused = true;
  });
  await world.until(() => recovery.process.running.paused, 5000, 'take-over');
  const open = world.judge.transactionOf('commit');
  t.match(open, { decision: 'open' });
  t.ok((open?.epochSlot ?? 0) > (open?.beganSlot ?? 0), 'it was taken over, and is not decided');
  command.process.running.resume();
  t.equal(await story.endOf(command), 'ended with 5', 'its epoch is over');
  recovery.process.running.resume();
  t.equal(await story.endOf(recovery), 'ended with 0');
  t.equal(world.judge.newest('app'), 1, 'nothing was committed');
  await story.finish(t);
});

t.test(
  'an undecided transaction of a dead coordinator is decided within 3 s, and within 5 s when the leader died with it',
  async (t) => {
    for (const withLeader of [false, true]) {
      const story = await Story.begin();
      const { world } = story;
      const leader = world.leader()?.name ?? 'a';
      const on = withLeader ? leader : (['a', 'b', 'c'].find((node) => node !== leader) ?? 'a');
      const command = story.run(on, 'commit', commitWork('commit'));
      let diedAt = 0;
      story.when(/^after freezer\.request/, () => {
        diedAt = world.scheduler.now;
        world.losePower(world.machine(on), 30_000);
      });
      await world.until(() => command.ending() !== null, 5000, 'death');
      await world.until(() => world.judge.transactionOf('commit')?.decision === 'aborted', 20_000, 'decision');
      const tookMs = world.scheduler.now - diedAt;
      t.comment(`decided after ${tookMs.toFixed(0)} simulated ms`);
      t.ok(tookMs < (withLeader ? 5000 : 3000), withLeader ? 'the leader died with it' : 'the leader lives');
      await world.pass(30_000);
      await story.finish(t);
    }
  },
);

t.test('G11 T3 a snapshot call that failed and lands later is nobody’s, and goes away', async (t) => {
  const story = await Story.begin();
  const { world } = story;
  const late = Object.assign(new Error('the call was interrupted'), { code: 'EINTR' });
  world.machine('b').driver.failNext('stage', late, 'late');
  const command = story.run('a', 'commit', commitWork('commit'));
  t.equal(await story.endOf(command), 'ended with 5');
  await world.machine('b').driver.arriveLate();
  await story.finish(t);
});

t.test('T3 a snapshot of a void round that lands in the next round is not taken for that round’s', async (t) => {
  const story = await Story.begin();
  const { world } = story;
  const { driver } = world.machine('b');
  // The first round lapses; its call comes through when the second one is about to make its own.
  driver.failNext('stage', new SnapcommitError('FREEZE_LAPSED', 'the writers did not stand still'), 'late');
  const command = story.run('a', 'commit', commitWork('commit'));
  story.when(/^after freezer\.request of b daemon/, () => {
    story.when(/^after freezer\.request of b daemon/, () => {
      world.do(() => driver.arriveLate());
    });
  });
  t.equal(await story.endOf(command), 'ended with 0');
  await story.finish(t);
});

t.test('T13 a prune elsewhere leaves the source of a restore alone', async (t) => {
  const story = await Story.begin();
  const { world } = story;
  t.equal(await story.endOf(story.run('b', 'second', commitWork('second'))), 'ended with 0');
  const command = story.run('a', 'restore', restoreWork('restore', 1));
  const daemon = world.machine('b').daemon?.process;
  story.when(/^before driver\.clone of b daemon/, ({ running }) => {
    running.paused = true;
  });
  await world.until(() => daemon?.running.paused === true, 5000, 'clone');
  t.equal(await story.endOf(story.run('c', 'prune', pruneWork(1))), 'ended with 0');
  t.same(world.state()?.groups['app']?.live, [[1, 2]], 'what it reads is kept');
  daemon?.running.resume();
  t.equal(await story.endOf(command), 'ended with 0');
  await story.finish(t);
});
