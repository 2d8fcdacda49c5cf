/** Volumes of one pool, as ZFS has them: one call stages all of them, one call gives all of them their names. */
import t from 'tap';
import { SnapcommitError } from '#src/errors.js';
import { commitWork, transactWork } from './commands.js';
import { Story } from './story.js';

const POOLED = ['a:db:tank', 'b:wal:tank', 'b:blobs:tank', 'b:index:dozer'];

t.test('a commit stages and publishes every pool in one call, and no volume by itself', async (t) => {
  const story = await Story.begin({ volumes: POOLED });
  const calls: string[] = [];
  story.world.onBoundary = (process, what, moment) => {
    if (moment === 'before' && /^driver\.(stage|rename)$/.test(what)) calls.push(`${what} on ${process.identity.node}`);
  };
  const command = story.run('a', 'commit', commitWork('commit'));
  t.equal(await story.endOf(command), 'ended with 0');
  t.same(calls.toSorted(), [
    'driver.rename on a',
    'driver.rename on b',
    'driver.rename on b',
    'driver.stage on a',
    'driver.stage on b',
    'driver.stage on b',
  ]);
  await story.finish(t);
});

t.test('G8 a pool’s stage call that failed, but took effect, leaves nothing over', async (t) => {
  for (const effect of ['none', 'done', 'late'] as const) {
    const story = await Story.begin({ volumes: POOLED });
    const { driver } = story.world.machine('b');
    driver.failNext('stage', new SnapcommitError('STAGE_FAILED', 'the pool is suspended', { volume: 'wal' }), effect);
    const command = story.run('a', 'commit', commitWork('commit'));
    t.equal(await story.endOf(command), 'ended with 5', effect);
    await driver.arriveLate();
    await story.finish(t);
  }
});

t.test(
  'G9 where another tool destroyed a staged snapshot nothing of its pool is published, and it is named',
  async (t) => {
    const story = await Story.begin({ volumes: POOLED });
    const { world } = story;
    const { driver } = world.machine('b');
    const gone = { name: 'blobs', source: '/srv/blobs', publishDirectory: '/srv/.snapcommit/blobs' };
    const command = story.run('a', 'commit', commitWork('commit'));
    const stagedOn = (source: string): readonly string[] =>
      [...driver.world.image(source).entries.keys()].filter((name) => name.startsWith('.staged~'));
    // Its publisher looks for the snapshots that were committed.
    story.when(/^before driver\.lookup of b daemon/, () => {
      world.do(() => driver.remove(gone, stagedOn(gone.source)));
    });
    t.equal(await story.endOf(command), 'ended with 9');
    t.match(story.messageOf(command), /snapshot .* of volume blobs is gone; another tool may have deleted it/);
    t.equal(stagedOn('/srv/wal').length, 1, 'the other one of its pool waits under its hidden name');
    t.notOk(driver.world.image('/srv/wal').entries.has('app@2'));
    t.ok(driver.world.image('/srv/index').entries.has('app@2'), 'another pool does not wait');
    t.equal(world.violation, null);
  },
);

t.test('T1 a transact swaps and publishes the volumes of a pool', async (t) => {
  const story = await Story.begin({ volumes: ['a:db:tank', 'a:wal:tank'], writes: false });
  t.equal(await story.endOf(story.run('a', 'transact', transactWork('transact'))), 'ended with 0');
  await story.finish(t);
});
