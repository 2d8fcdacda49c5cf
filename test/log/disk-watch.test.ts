import t from 'tap';
import { DiskWatch } from '#src/log/disk-watch.js';

t.test('a disk hangs when one batch is under way for ten rounds, and not when many follow each other', async (t) => {
  const watch = new DiskWatch(2);
  for (let batch = 1; batch < 60; batch += 1) t.notOk(watch.tick(batch), 'each tick finds another batch');
  t.notOk(watch.stalls);
  let ticks = 0;
  while (!watch.tick(60) && ticks < 100) ticks += 1;
  t.equal(ticks, 21, 'it is told after ten rounds of two ticks');
  t.ok(watch.stalls);
  t.notOk(watch.tick(60), 'once');
  t.ok(watch.tick(61), 'the next batch shows that it is back');
  t.notOk(watch.stalls);
  t.notOk(watch.tick(null));
});
