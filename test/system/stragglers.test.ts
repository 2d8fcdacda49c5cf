/** A host that has yet to do what is decided: nothing later keeps it from that, and nobody takes from it what it needs. */
import t from 'tap';
import { SnapcommitError } from '#src/errors.js';
import { commitWork, pruneWork } from './commands.js';
import type { Machine } from './machine.js';
import { Story } from './story.js';

const BROKEN = new SnapcommitError('VOLUME_UNAVAILABLE', 'volume wal: input/output error', { volume: 'wal' });

function standsOn(machine: Machine, source: string): readonly string[] {
  return [...machine.driver.world.image(source).entries.keys()].filter((name) => /^app@\d+$/.test(name)).sort();
}

t.test(
  'T5 T13 a host that missed a publish still makes it after later ones, and nothing of it is pruned',
  async (t) => {
    const story = await Story.begin();
    const { world } = story;
    const b = world.machine('b');
    const isPending = (): boolean => world.state()?.pending['app@2'] !== undefined;
    const failOnce = (): void => {
      // Both of its volumes.
      for (let times = 0; times < 2; times += 1) b.driver.failNext('rename', BROKEN);
    };
    // It has failed so often that b waits for some time before it tries again; later ones are published in that time.
    for (let times = 0; times < 10; times += 1) failOnce();
    t.equal(await story.endOf(story.run('a', 'missed', commitWork('missed'))), 'ended with 9');
    await world.pass(3000);
    b.driver.forgetFaults();
    for (const name of ['third', 'fourth']) {
      // A survey tries once more.
      failOnce();
      t.equal(
        await story.endOf(story.run('a', name, commitWork(name))),
        'ended with 0',
        `${name} is published on b, too`,
      );
      t.ok(isPending(), 'while generation 2 still waits there');
    }
    t.equal(await story.endOf(story.run('c', 'prune', pruneWork(1))), 'ended with 0');
    t.ok(standsOn(world.machine('a'), '/srv/db').includes('app@2'), 'what b has yet to publish is kept elsewhere');
    await world.until(() => !isPending(), 60_000, 'publish of generation 2 on b');
    await story.finish(t);
    t.same(standsOn(b, '/srv/wal'), ['app@2', 'app@4', 'app@5'], 'it stands there, too');
  },
);

t.test(
  'G10 a prune takes whole generations from every host, also from one that is away, and where it dies',
  async (t) => {
    for (const dies of [false, true]) {
      const story = await Story.begin();
      const { world } = story;
      const b = world.machine('b');
      t.equal(await story.endOf(story.run('a', 'second', commitWork('second'))), 'ended with 0');
      world.losePower(b, 5000);
      const prune = story.run('a', 'prune', pruneWork(1));
      // Its entry is chosen, and no snapshot is gone yet.
      if (dies)
        story.when(/^before driver\.rename of a prune/, (process) => {
          t.notOk(
            world.state()?.groups['app']?.live.some(([from]) => from === 1),
            'it is retired before that',
          );
          world.kill(world.machine('a'), process);
        });
      t.equal(await story.endOf(prune), dies ? 'was killed' : 'ended with 0');
      t.ok(standsOn(b, '/srv/wal').includes('app@1'), 'it still stands on the host that is away');
      for (const node of ['a', 'c']) {
        const state = await listed(story, node);
        t.same(state, [2], `${node} shows none of it`);
      }
      await world.pass(6000);
      await story.finish(t);
      for (const source of ['/srv/wal', '/srv/blobs'])
        t.same(standsOn(b, source), ['app@2', 'app@3'], `what is retired is gone from ${source}`);
    }
  },
);

/** The generations that a command on that node finds. */
async function listed(story: Story, node: string): Promise<readonly number[]> {
  let found: readonly number[] = [];
  const work = async (context: Parameters<ReturnType<typeof pruneWork>>[0]): Promise<null> => {
    found = (await context.log.generations('app')).map(({ generation }) => generation);
    return null;
  };
  await story.endOf(story.run(node, `open-list-${node}`, work));
  return found;
}
