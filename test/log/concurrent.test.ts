/** Several processes at one store. */
import t from 'tap';
import { initEmbeddedLog, openEmbeddedLog } from '#src/daemon/embedded-log.js';
import { stateHash } from '#src/log/codec.js';
import { childCommand, clock, freshDirectory, freshLog, identity, run, volumeNamed, withLog } from './support.js';

t.test('two processes that append at once lose nothing and agree on one order', async (t) => {
  const directory = freshDirectory(t);
  await initEmbeddedLog(directory, identity);
  const reader = await openEmbeddedLog(directory, { clock });
  t.teardown(() => {
    reader.close();
  });
  const ended = await Promise.all(['a', 'b'].map((prefix) => run(t, childCommand('append', directory, prefix, '150'))));
  const slots = ended.map(({ stdout }) =>
    stdout
      .trim()
      .split('\n')
      .map((line) => Number(line.split(' ')[1])),
  );
  for (const own of slots)
    t.same(
      own,
      [...own].sort((x, y) => x - y),
      'each process saw its own appends in order',
    );
  t.same(
    slots.flat().sort((x, y) => x - y),
    Array.from({ length: 300 }, (_, index) => index + 1),
    'every slot once',
  );
  const state = await reader.read();
  t.equal(Object.keys(state.volumes).length, 300);
  await withLog(directory, async (fresh) => {
    t.equal(stateHash(await fresh.read()), stateHash(state), 'who was open all along and who opens now see the same');
    await fresh.scrub();
  });
});

t.test('two that take turns follow each other across checkpoints', async (t) => {
  const { directory, log } = await freshLog(t);
  const other = await openEmbeddedLog(directory, { clock });
  t.teardown(() => {
    other.close();
  });
  for (let n = 0; n < 100; n += 1) {
    const writer = n % 3 === 0 ? other : log;
    t.match(await writer.append(volumeNamed(`v${String(n)}`)), { status: 'chosen', slot: n + 1 });
  }
  t.equal(stateHash(await log.read()), stateHash(await other.read()));
  t.equal(Object.keys((await other.read()).volumes).length, 100);
});

t.test('of two inits at once one makes the log', async (t) => {
  const directory = freshDirectory(t);
  const ended = await Promise.all([1, 2, 3].map(() => run(t, childCommand('init', directory))));
  t.equal(ended.filter(({ status }) => status === 0).length, 1);
  t.equal((await run(t, childCommand('read', directory))).stdout, '0 0\n');
});
