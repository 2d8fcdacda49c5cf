/** Flushing before a freeze: again while it took long. */
import t from 'tap';
import { flushUntilQuick } from '#src/participant/flush.js';

/** Flushes that take so many ms each, the last one for ever after; how often was flushed. */
async function flushes(...tookMs: readonly number[]): Promise<number> {
  let now = 0;
  let count = 0;
  const clock = { now: () => now, monotonic: () => now };
  await flushUntilQuick(clock, async () => {
    now += tookMs[count] ?? tookMs.at(-1) ?? 0;
    count += 1;
    return Promise.resolve();
  });
  return count;
}

t.test('one that is quick is enough', async (t) => {
  t.equal(await flushes(0), 1);
  t.equal(await flushes(10), 1);
});

t.test('what writers made dirty during a long one is written out before they stand still', async (t) => {
  t.equal(await flushes(500, 4), 2);
  t.equal(await flushes(500, 60, 8), 3);
});

t.test('a disk that is slower than its writers is not flushed for ever', async (t) => {
  t.equal(await flushes(500), 3);
});

t.test('a failure is passed on, and nothing is flushed after it', async (t) => {
  let count = 0;
  const clock = { now: () => 0, monotonic: () => count * 100 };
  const failing = flushUntilQuick(clock, async () => {
    count += 1;
    return count === 2 ? Promise.reject(new Error('no disk')) : Promise.resolve();
  });
  await t.rejects(failing, { message: 'no disk' });
  t.equal(count, 2);
});
