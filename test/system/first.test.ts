import t from 'tap';
import { capture } from '#src/coordinator/commit.js';
import { SystemWorld } from './system-world.js';

t.test('a commit', async (t) => {
  const world = new SystemWorld({ seed: 1, nodes: ['a', 'b', 'c'], volumes: ['a:db', 'b:wal', 'b:blobs'], hooks: true, traced: true });
  const began = Date.now();
  await world.begin();
  await world.pass(100);
  const at = Date.now();
  let effects = 0;
  world.onBoundary = () => { effects += 1; };
  const command = world.run(world.machine('a'), 'c1', async (context) => {
    const { record } = await capture(context, { group: 'app', message: 'c1', labels: {}, require: null, expectGeneration: null, requestId: null, signal: new AbortController().signal });
    return record.generation;
  });
  await world.until(() => command.ending() !== null, 10_000, 'end');
  t.comment(`${at - began} ms, ${Date.now() - at} ms, ${effects} boundaries, ${world.scheduler.events} events, ${world.scheduler.now}`);
  t.same(command.ending(), { kind: 'answered', generation: 1 });
  t.equal(world.violation, null);
  if (world.violation !== null || process.env.SHOW) for (const line of world.trace.lines.filter((l) => !l.includes('(log)'))) t.comment(line);
  world.judge.assertTrue('c1', command.ending()!);
});
