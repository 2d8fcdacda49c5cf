/** From the commit on: every host publishes, whoever is alive, and no host shows what it must not. */
import t from 'tap';
import { SnapcommitError } from '#src/errors.js';
import { commitWork, openWork, restoreWork } from './commands.js';
import { assertOpened } from './readers.js';
import { Story } from './story.js';
import type { SystemWorld } from './system-world.js';

function isPendingOn(world: SystemWorld, node: string): boolean {
  return Object.values(world.state()?.pending ?? {}).some(({ nodes }) => nodes.includes(node));
}

/** Every other host has published. */
function isPendingElsewhereOnly(world: SystemWorld, node: string): boolean {
  return Object.values(world.state()?.pending ?? {}).every(({ nodes }) => nodes.join() === node);
}

const noMatter = (): void => undefined;

t.test(
  'G8 a host that loses its power between its volumes’ names shows the old generation or the whole new one',
  async (t) => {
    const story = await Story.begin();
    const { world } = story;
    const command = story.run('a', 'commit', commitWork('commit'));
    story.when(/^after driver\.rename of b daemon/, () => {
      world.losePower(world.machine('b'), 500);
    });
    const here = world.machine('a');
    await world.until(() => world.judge.newest('app') === 2 && !isPendingOn(world, 'a'), 5000, 'publish on a');
    const near = story.run(
      'a',
      'open-1',
      openWork((opened) => {
        world.judging(() => {
          assertOpened(here, opened, 2, world);
        });
      }),
    );
    t.equal(await story.endOf(near), 'ended with 0', 'another host shows all of it already');
    t.match(await story.endOf(command), /^ended with [09]$/);
    const b = world.machine('b');
    await world.until(() => b.daemon !== null, 5000, 'start of b');
    const reader = story.run(
      'b',
      'open-1',
      openWork((opened) => {
        world.judging(() => {
          assertOpened(b, opened, 2, world);
        });
      }),
    );
    t.equal(await story.endOf(reader), 'ended with 0');
    await story.finish(t);
  },
);

t.test('D7 G12 what a host said to be published survives the loss of its power', async (t) => {
  const story = await Story.begin();
  const { world } = story;
  const command = story.run('a', 'commit', commitWork('commit'));
  t.equal(await story.endOf(command), 'ended with 0');
  for (const machine of world.machines.values()) world.losePower(machine, 500, 'nothing');
  await world.pass(600);
  await story.finish(t, { commitsLast: false });
});

t.test('D7 a directory whose maker died before it was durable is made durable by whoever goes on', async (t) => {
  const story = await Story.begin({}, true);
  const { world } = story;
  const b = world.machine('b');
  const command = story.run('a', 'commit', commitWork('commit'));
  story.when(/^after files\.makeDirectory of b daemon/, (process) => {
    world.kill(b, process);
    world.scheduler.after(100, () => {
      world.do(() => b.startDaemon());
    });
  });
  t.equal(await story.endOf(command), 'ended with 0');
  world.losePower(b, 500, 'nothing');
  await world.pass(600);
  await story.finish(t, { commitsLast: false });
});

t.test('L4 a commit whose coordinator’s machine is gone is published by everybody else within 2 s', async (t) => {
  const story = await Story.begin();
  const { world } = story;
  const command = story.run('c', 'commit', commitWork('commit'));
  story.when(/^after log\.append of c commit/, () => {
    story.when(/^after log\.append of c commit/, () => {
      world.losePower(world.machine('c'), 20_000);
    });
  });
  await world.until(() => command.ending() !== null, 5000, 'death');
  const at = world.scheduler.now;
  await world.until(() => Object.keys(world.state()?.pending ?? { none: 1 }).length === 0, 2000, 'publish');
  t.comment(`published after ${(world.scheduler.now - at).toFixed(0)} simulated ms`);
  t.equal(world.judge.newest('app'), 2);
  await world.pass(20_000);
  await story.finish(t);
});

t.test('T1 what misses a swap enters no later generation', async (t) => {
  const story = await Story.begin({ writes: false });
  const { world } = story;
  const broken = new SnapcommitError('VOLUME_UNAVAILABLE', 'volume wal: input/output error', { volume: 'wal' });
  for (let times = 0; times < 6; times += 1) world.machine('b').driver.failNext('exchange', broken);
  const command = story.run('a', 'restore', restoreWork('restore', 1));
  t.equal(await story.endOf(command), 'ended with 9');
  const early = story.run('a', 'early', commitWork('early'));
  t.equal(await story.endOf(early), 'ended with 4', 'nothing begins while b has not swapped');
  world.machine('b').driver.forgetFaults();
  await world.until(() => !isPendingOn(world, 'b'), 60_000, 'swap of b');
  const later = story.run('a', 'later', commitWork('later'));
  t.equal(await story.endOf(later), 'ended with 0');
  await story.finish(t);
});

t.test(
  'G8 a swap that failed once is finished by the host that holds its locks, also without a coordinator',
  async (t) => {
    const story = await Story.begin({ writes: false });
    const { world } = story;
    const broken = new SnapcommitError('VOLUME_UNAVAILABLE', 'volume wal: input/output error', { volume: 'wal' });
    world.machine('b').driver.failNext('exchange', broken);
    story.run('c', 'restore', restoreWork('restore', 1));
    story.when(/^before driver\.exchange of b daemon/, () => {
      world.losePower(world.machine('c'), 15_000);
    });
    await world.until(() => world.judge.newest('app') === 2, 5000, 'commit');
    await world.pass(10_000);
    t.notOk(isPendingOn(world, 'b'), 'b has swapped');
    await world.pass(10_000);
    await story.finish(t);
  },
);

t.test('T4 a publisher that sleeps between its check and the turn of the view turns nothing back', async (t) => {
  const story = await Story.begin();
  const { world } = story;
  const b = world.machine('b');
  // Its daemon fails once, so that a command there, which drives no transaction and so is ended for none, publishes.
  b.driver.failNext('rename', new SnapcommitError('VOLUME_UNAVAILABLE', 'volume wal: input/output error'));
  const command = story.run('a', 'commit', commitWork('commit'));
  await world.until(() => world.judge.newest('app') === 2 && isPendingElsewhereOnly(world, 'b'), 5000, 'commit');
  const sleeper = story.run('b', 'open-sleeper', openWork(noMatter));
  // All that is left of the view is its turn, and what the turn goes by has been read.
  story.when(/^before files\.replaceLink of b open-sleeper/, ({ running }) => {
    running.paused = true;
  });
  await world.until(() => sleeper.process.running.paused, 5000, 'sleep');
  t.match(await story.endOf(command), /^ended with [09]$/);
  for (const name of ['second', 'third'])
    t.equal(await story.endOf(story.run('a', name, commitWork(name))), 'ended with 0');
  await world.until(() => !isPendingOn(world, 'b'), 5000, 'publish on b without the sleeper');
  sleeper.process.running.resume();
  await world.pass(1000);
  t.equal(await story.endOf(sleeper), 'was killed', 'whoever needed its lock ended it first');
  await story.finish(t);
});
