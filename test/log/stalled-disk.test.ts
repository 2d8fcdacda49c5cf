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

t.test('a node that cannot follow the log says that its disk is full, or hangs', async (t) => {
  const nodes = await memoryCluster(t, { readTimeoutMs: 400, fullRetryMs: 50 });
  const [one] = nodes.values();
  if (one === undefined) throw new Error('there are three nodes');
  t.equal((await one.host.append(volumeNamed('first'))).status, 'chosen');
  const followed = (): string | null => one.host.replicaStatus().leader;
  await until('it knows who leads', () => followed() !== null);
  const ill = [...nodes.values()].find(({ host }) => host.replicaStatus().role === 'follower') ?? one;
  const well = [...nodes.values()].find((node) => node !== ill) ?? one;
  ill.disk.isFull = true;
  t.equal((await well.host.append(volumeNamed('second'))).status, 'chosen');
  await t.rejects(ill.host.read(), { code: 'STORE_FULL', message: /the disk of .* is full; make room on it/ });
  ill.disk.isFull = false;
  const applied = (): number => Object.keys(ill.host.stateIfAny?.volumes ?? {}).length;
  await until('it follows again', () => applied() === 2);
  ill.store.hangs = true;
  t.equal((await well.host.append(volumeNamed('third'))).status, 'chosen');
  await until('it has noticed', () => ill.host.replicaStatus().diskStalls);
  t.equal((await well.host.append(volumeNamed('fourth'))).status, 'chosen');
  await t.rejects(ill.host.read(), { code: 'UNAVAILABLE', message: /the disk of .* hangs/ });
  ill.store.release();
  await until('it follows again', () => applied() === 4);
  t.equal(Object.keys((await ill.host.read()).volumes).length, 4);
});
