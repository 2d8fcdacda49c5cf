/** Three hosts, and a disk that takes a batch and never answers. */
import t from 'tap';
import { until } from '../support/until.js';
import { memoryCluster } from './memory-cluster.js';
import { volumeNamed } from './support.js';

t.test('a leader whose disk hangs is replaced; what it had under way is chosen, and it comes back', async (t) => {
  const nodes = await memoryCluster(t);
  const [one] = nodes.values();
  if (one === undefined) throw new Error('there are three nodes');
  t.equal((await one.host.append(volumeNamed('first'))).status, 'chosen');
  const followed = (): string | null => {
    const [first = null, ...rest] = [...nodes.values()].map(({ host }) => host.replicaStatus().leader);
    return rest.every((name) => name === first) ? first : null;
  };
  await until('all know who leads', () => followed() !== null);
  const leader = nodes.get(followed() ?? '') ?? one;
  const [other, third] = [...nodes.values()].filter((node) => node !== leader);
  leader.store.hangs = true;
  const underWay = leader.host.append(volumeNamed('second'));
  await until('it has noticed', () => leader.host.replicaStatus().diskStalls);
  t.equal(leader.host.replicaStatus().role, 'follower', 'it leads no more');
  t.equal((await other?.host.append(volumeNamed('third')))?.status, 'chosen', 'the others go on');
  t.equal(Object.keys((await third?.host.read())?.volumes ?? {}).length, 3, 'with what was under way');
  leader.store.release();
  t.equal((await underWay).status, 'chosen', 'whoever waited is told so when the disk is back');
  t.equal(Object.keys((await leader.host.read()).volumes).length, 3);
  t.notOk(leader.host.replicaStatus().diskStalls);
  t.same(
    leader.events.map(({ type }) => type).filter((type) => type.startsWith('disk')),
    ['diskStalls', 'diskReturned'],
  );
});

t.test('a node whose disk hangs can be ended', async (t) => {
  const nodes = await memoryCluster(t);
  const [one] = nodes.values();
  if (one === undefined) throw new Error('there are three nodes');
  t.equal((await one.host.append(volumeNamed('first'))).status, 'chosen');
  one.store.hangs = true;
  const waiting = one.host.append(volumeNamed('second'));
  await until('it has noticed', () => one.host.replicaStatus().diskStalls);
  await t.resolves(one.host.end());
  t.not((await waiting).status, 'notDone', 'what was tried may be chosen, and is where the others have it');
});
