/** When a leader proposes at once, and when it lets entries gather. */
import t, { type Test } from 'tap';
import { gathers } from '#src/log/gathering.js';
import { logFrom, slot } from '#src/paxos/contiguous-log.js';
import { until } from '../support/until.js';
import { memoryCluster, type MemoryNode } from './memory-cluster.js';
import { volumeNamed } from './support.js';

t.test('entries gather while some are under way, or too much waits for the own disk', async (t) => {
  const log = logFrom(slot(7), []);
  const gathersWith = (isSyncing: boolean, decided: number, gathered: number): boolean =>
    gathers({ commit: { isSyncing, gathered }, replica: { decided: slot(decided), log } });
  t.notOk(gathersWith(false, 6, 0), 'the own disk has nothing to do: the others are sent what comes');
  t.ok(gathersWith(true, 6, 0), 'slot 7 is under way, on the own disk as well');
  t.notOk(gathersWith(true, 7, 0), 'everything is decided: nobody but the own disk would be waited for');
  t.notOk(gathersWith(true, 7, 15));
  t.ok(gathersWith(true, 7, 16), 'a disk that hangs does not fill the memory');
});

async function leaderOf(nodes: ReadonlyMap<string, MemoryNode>): Promise<MemoryNode> {
  const leading = (): MemoryNode | undefined => {
    const names = new Set([...nodes.values()].map(({ host }) => host.replicaStatus().leader));
    const [name] = names;
    return names.size === 1 ? nodes.get(name ?? '') : undefined;
  };
  await until('all know who leads', () => leading() !== undefined);
  const leader = leading();
  if (leader === undefined) throw new Error('the leader changed');
  return leader;
}

/** Of three, once they have chosen something; from then on no time passes. */
async function leaderWhoseDiskHangs(t: Test): Promise<MemoryNode> {
  const nodes = await memoryCluster(t, { appendTimeoutMs: 10_000 });
  const [one] = nodes.values();
  t.equal((await one?.host.append(volumeNamed('first')))?.status, 'chosen');
  const leader = await leaderOf(nodes);
  for (const { timers } of nodes.values()) timers.areStill = true;
  leader.store.hangs = true;
  return leader;
}

t.test('an append does not wait for the leader to sync the one before it, which the others have decided', async (t) => {
  const { host, store } = await leaderWhoseDiskHangs(t);
  for (const name of ['second', 'third', 'fourth'])
    t.equal((await host.append(volumeNamed(name))).status, 'chosen', `${name} is chosen by the others' disks`);
  store.release();
  t.equal(Object.keys(host.staleState().volumes).length, 4);
});

t.test('G7 what was held back for the own disk is proposed as soon as that takes what waited for it', async (t) => {
  const { host, store } = await leaderWhoseDiskHangs(t);
  const answers: string[] = [];
  const append = async (name: string): Promise<void> => {
    answers.push((await host.append(volumeNamed(name))).status);
  };
  let sent = 0;
  // The next one is asked for when the last one is answered, until so many wait for the own disk that one is held back.
  for (; answers.length === sent && sent < 100; sent += 1) {
    void append(`v${String(sent)}`);
    for (let turn = 0; turn < 20 && answers.length === sent; turn += 1) await new Promise(setImmediate);
  }
  t.ok(sent > 2 && sent < 100, `${String(sent)} were proposed before one was held back`);
  store.letThrough();
  await until('the one that was held back is answered', () => answers.length === sent);
  t.ok(answers.every((status) => status === 'chosen'));
});
