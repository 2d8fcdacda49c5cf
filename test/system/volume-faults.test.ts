/** A host that cannot take part ends the transaction, says who it is, which volume and why, and everything runs again. */
import t from 'tap';
import { SnapcommitError } from '#src/errors.js';
import { commitWork } from './commands.js';
import { Story } from './story.js';

t.test('a full disk on another host', async (t) => {
  const story = await Story.begin();
  const { world } = story.world.machine('b').driver;
  world.setFreeBytes('/srv/wal', 0);
  const command = story.run('a', 'commit', commitWork('commit'));
  t.equal(await story.endOf(command), 'ended with 5');
  t.match(story.messageOf(command), /node b: volume wal has 0 bytes/);
  world.setFreeBytes('/srv/wal', 1e12);
  await story.finish(t);
});

t.test('a file system of another host that turned read-only', async (t) => {
  const story = await Story.begin();
  const { files } = story.world.machine('b');
  files.refuseChanges('/srv/.snapcommit/wal', 'EROFS');
  const command = story.run('a', 'commit', commitWork('commit'));
  t.equal(await story.endOf(command), 'ended with 5');
  const message = story.messageOf(command);
  t.match(message, /node b: volume wal: its filesystem is read-only \(EROFS/);
  t.notMatch(message, /the daemon failed/);
  files.refuseChanges('/srv/.snapcommit/wal', null);
  await story.finish(t);
});

t.test('a snapshot that fails on another host while all writers stand still', async (t) => {
  const story = await Story.begin();
  const { world } = story;
  const reason = 'volume wal: no snapshot could be made: input/output error';
  world.machine('b').driver.failNext('stage', new SnapcommitError('STAGE_FAILED', reason, { volume: 'wal' }));
  const command = story.run('a', 'commit', commitWork('commit'));
  t.equal(await story.endOf(command), 'ended with 5');
  t.match(story.messageOf(command), /node b: volume wal: no snapshot could be made: input\/output error/);
  for (const machine of world.machines.values()) t.same(machine.freezer.frozen(), []);
  await story.finish(t);
});

t.test('a host whose clock is an hour off', async (t) => {
  for (const byMs of [3_600_000, -3_600_000]) {
    const story = await Story.begin();
    story.world.machine('b').sim.clockMs = byMs;
    const command = story.run('a', 'commit', commitWork('commit'));
    t.equal(await story.endOf(command), 'ended with 6', `${String(byMs)} ms`);
    const way = byMs > 0 ? 'ahead of' : 'behind';
    t.match(
      story.messageOf(command),
      new RegExp(`clock of node b \\(volumes blobs, wal\\) is 3600 s ${way} that of a`),
    );
    story.world.machine('b').sim.clockMs = 0;
    await story.finish(t);
  }
});
