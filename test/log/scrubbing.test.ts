/** A host reads all that it stores by itself, and gets from its peers what it cannot read any more. */
import t from 'tap';
import { Scrubbing } from '#src/log/scrubbing.js';
import type { ReplicaEvent } from '#src/ports/cluster-log.js';
import { Scheduler } from '../simulation/scheduler.js';
import { until } from '../support/until.js';
import { memoryCluster, type MemoryNode } from './memory-cluster.js';
import { commitGeneration } from './support.js';

const DAY_MS = 86_400_000;
const REPORT = { rows: 7, damaged: [], checkpointDamaged: false, archive: [{ group: 'g', generation: 1 }] };

/** Every 24 ms in the mean; the first after one. */
const OFTEN = { scrubEveryMs: 24 };

function isWhole({ disk }: MemoryNode): boolean {
  return ![...disk.contents.archive.values()].some((records) => [...records.values()].includes('damaged'));
}

t.test('it begins an hour after the start, then daily, and rests for most of the time', async (t) => {
  const time = new Scheduler();
  const events: ReplicaEvent[] = [];
  const begun: number[] = [];
  const rested: number[] = [];
  const clock = { now: () => 0, monotonic: () => time.now };
  const timers = { after: (ms: number, work: () => void) => time.after(ms, work) };
  const scrubbing = new Scrubbing({ timers, clock, onEvent: (event) => events.push(event) }, DAY_MS, async (rest) => {
    begun.push(time.now);
    const from = time.now;
    // Two slices: one of 10 ms, and one that takes no time at all.
    await new Promise<void>((resolve) => time.after(10, resolve));
    await rest();
    await rest();
    rested.push(time.now - from);
    return REPORT;
  });
  await time.run(2 * DAY_MS);
  t.same(begun, [DAY_MS / 24, DAY_MS / 24 + DAY_MS + 220]);
  t.same(rested, [220, 220], '19 times as long as a slice took, and 20 ms at least');
  t.same(events, [
    { type: 'scrubbed', rows: 7, damaged: 1 },
    { type: 'scrubbed', rows: 7, damaged: 1 },
  ]);
  scrubbing.stop();
  await time.run(9 * DAY_MS);
  t.equal(begun.length, 2, 'what is stopped begins no more');
});

t.test('a scrub that fails is told, and tried again', async (t) => {
  const time = new Scheduler();
  const events: ReplicaEvent[] = [];
  const clock = { now: () => 0, monotonic: () => time.now };
  const timers = { after: (ms: number, work: () => void) => time.after(ms, work) };
  new Scrubbing({ timers, clock, onEvent: (event) => events.push(event) }, DAY_MS, () =>
    Promise.reject(new Error('the store is away')),
  );
  await time.run(1.5 * DAY_MS);
  t.same(events, [
    { type: 'scrubFailed', message: 'the store is away' },
    { type: 'scrubFailed', message: 'the store is away' },
  ]);
});

t.test('a record of a generation that cannot be read comes again with a peer’s checkpoint', async (t) => {
  const nodes = await memoryCluster(t, OFTEN);
  const [one] = nodes.values();
  if (one === undefined) throw new Error('there are three nodes');
  t.ok((await commitGeneration(one.host)).ok);
  const whole = await one.host.generation('app', 1);
  for (const node of nodes.values()) {
    await until('it holds the record', () => node.disk.contents.archive.get('app')?.has(1) === true);
    node.disk.damageArchived('app', 1);
    await until('it is healed', () => isWhole(node));
    t.ok(
      node.events.some((event) => event.type === 'damaged' && event.message.includes('app@1')),
      'the people are told which one',
    );
    t.same(await node.host.generation('app', 1), whole, 'and it reads as it did');
  }
  t.ok((await one.host.append({ type: 'removeVolume', volume: 'nothing' })).status === 'chosen', 'the log goes on');
});
