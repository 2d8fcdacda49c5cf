/** One node's part in transactions, over memory volumes: what a later transaction relies on, and what an earlier one owes. */
import t from 'tap';
import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { handedDown } from '#src/native/handed-down.js';
import { readClosed, reopenClosed } from '#src/participant/closed-trees.js';
import { swapLock } from '#src/participant/fence.js';
import { LocalParticipant } from '#src/participant/local-participant.js';
import { readDebts, recordDebt } from '#src/participant/owed.js';
import type { VolumeDriver } from '#src/ports/volume-driver.js';
import { ParticipantNode, PLACE } from './participant-node.js';

const setTurn = async (): Promise<void> => sleep(20);

t.test('T7 a note of an aborted swap opens no tree that a later swap has closed', async (t) => {
  const node = await ParticipantNode.make(t);
  const first = await node.begin('transact');
  await node.close(first);
  t.ok(node.isReadOnly);
  // As whoever took it over leaves it when it is killed before it has forgotten the note.
  const [note] = await readClosed(node.context);
  if (note === undefined) throw new Error('nothing was noted');
  await node.driver.setLiveReadOnly(PLACE, false);
  await node.abort(first);
  await node.participant.leave(first);
  const second = await node.begin('transact');
  await node.close(second);
  await reopenClosed(node.context, note);
  t.ok(node.isReadOnly, 'the second swap has looked for users, and nobody may write any more');
  t.same(
    (await readClosed(node.context)).map(({ transaction }) => transaction),
    [second.transaction],
  );
  await node.abort(second);
  for (const closed of await readClosed(node.context)) await reopenClosed(node.context, closed);
  t.notOk(node.isReadOnly, 'and its own note opens it');
});

t.test('G13 who did not run the pre-hooks itself takes no part in a cut that claims them', async (t) => {
  const node = await ParticipantNode.make(t, ['/etc/hook']);
  const work = await node.begin('capture');
  await node.participant.quiesce(work);
  const restarted = new LocalParticipant(node.context);
  await t.rejects(restarted.prepare({ ...work, round: 1 }), { code: 'HOOK_FAILED', message: /was restarted/ });
  await node.participant.prepare({ ...work, round: 1 });
  await node.participant.endRound({ ...work, round: 1 });
});

t.test('G13 a node that lags forgets nothing of a transaction that it has not heard of', async (t) => {
  const node = await ParticipantNode.make(t, ['/etc/hook']);
  const before = await node.context.log.read();
  const work = await node.begin('capture');
  await node.participant.quiesce(work);
  await node.participant.endStale(before);
  await node.participant.prepare({ ...work, round: 1 });
  await node.participant.endRound({ ...work, round: 1 });
  await node.abort(work);
  await node.participant.endStale(await node.context.log.read());
  await t.rejects(node.participant.prepare({ ...work, round: 2 }), { message: /decided|was restarted/ });
});

t.test('T4 what a driver starts before the cut has the volume’s lock from its start', async (t) => {
  const node = await ParticipantNode.make(t);
  const handed: string[] = [];
  const look = (when: string): void => {
    handed.push(...handedDown().map((fd) => `${when} ${basename(readlinkSync(`/proc/self/fd/${String(fd)}`))}`));
  };
  const driver: VolumeDriver = {
    ...node.driver,
    pools: null,
    openStage: async () => {
      look('open');
      return Promise.resolve({
        take: async () => {
          look('take');
          return Promise.resolve();
        },
        identity: async () => Promise.resolve('id'),
        close: async () => Promise.resolve(),
      });
    },
  };
  const participant = new LocalParticipant({ ...node.context, driver: async () => Promise.resolve(driver) });
  const round = { ...(await node.begin('capture')), round: 1 };
  await participant.prepare(round);
  await participant.freeze(round);
  await participant.stage(round);
  await participant.endRound(round);
  t.same(handed, ['open volume-db.lock', 'take volume-db.lock']);
});

t.test(
  'T16 what an earlier transaction owes is run before the next one quiesces, not in the middle of its cut',
  async (t) => {
    const node = await ParticipantNode.make(t, ['/etc/hook']);
    const first = await node.begin('capture');
    await node.participant.quiesce(first);
    await node.abort(first);
    const second = await node.begin('capture');
    await new LocalParticipant(node.context).quiesce(second);
    t.same(node.hooked, [`pre ${first.transaction}`, `post ${first.transaction}`, `pre ${second.transaction}`]);
    t.same(
      (await readDebts(node.context)).map(({ transaction }) => transaction),
      [second.transaction],
    );
  },
);

t.test(
  'L2 T6 a coordinator that was taken over neither wakes the application nor lets go of what is another’s',
  async (t) => {
    const node = await ParticipantNode.make(t, ['/etc/hook']);
    const { transaction, epoch } = await node.begin('capture');
    const debt = { transaction, group: 'app', postHooks: ['/etc/hook'], startUnits: [], volumes: [] };
    await recordDebt(node.context, debt);
    await node.append({ type: 'takeOver', transaction, coordinator: node.context.self });
    t.equal(await node.participant.resume({ transaction, epoch }, 'staged'), false);
    t.same(node.hooked, []);
    await t.rejects(node.participant.prepare({ transaction, epoch, round: 1 }), { code: 'STALE_EPOCH' });
  },
);

t.test('T9 who leaves a swap keeps its locks until an exchange that is under way has ended', async (t) => {
  const node = await ParticipantNode.make(t);
  const work = await node.begin('transact');
  await node.commit(work, await node.close(work));
  const exchange = node.holdExchange();
  const publishing = node.participant.publish('app', 1);
  await exchange.begun;
  const leaving = node.participant.leave(work);
  const locks = await node.context.locks();
  const isFree = (): boolean => {
    const lock = locks.tryAcquire(swapLock('db'), 'shared');
    lock?.release();
    return lock !== null;
  };
  // Whatever does not wait for the exchange would have come by in some turns.
  await Promise.race([leaving, node.context.log.read()]);
  t.notOk(isFree(), 'nobody gets at the live path while its trees are exchanged');
  exchange.end();
  await publishing;
  await leaving;
  t.ok(isFree());
  t.notOk(node.isReadOnly, 'and the new tree may be written');
});

t.test('who ends waits only so long for a step that hangs, and leaves it its locks', async (t) => {
  const node = await ParticipantNode.make(t);
  const work = await node.begin('transact');
  let expire = (): void => undefined;
  const after = (_ms: number, action: () => void) => {
    expire = action;
    return () => undefined;
  };
  const participant = new LocalParticipant({ ...node.context, timers: { after } });
  await participant.clone(work);
  await participant.seal(work);
  const hangs = new Promise<void>((resolve) => {
    node.driver.changedSince = async () => {
      resolve();
      return new Promise(() => undefined);
    };
  });
  void participant.close(work);
  await hangs;
  const ending = participant.endAll();
  expire();
  await ending;
  const lock = (await node.context.locks()).tryAcquire(swapLock('db'), 'shared');
  t.equal(lock, null, 'what it does next it does under them, or with this process not at all');
});

t.test('who ends does not wait for what failed, and says nothing of it', async (t) => {
  const node = await ParticipantNode.make(t);
  const work = await node.begin('transact');
  const locks = await node.context.locks();
  const acquire: typeof locks.acquire = async (...given) => {
    const lock = await locks.acquire(...given);
    const release = (): void => {
      lock.release();
      throw new Error('not to be let go of');
    };
    return { ...lock, release };
  };
  const after = () => () => undefined;
  const context = { ...node.context, timers: { after }, locks: async () => Promise.resolve({ ...locks, acquire }) };
  const participant = new LocalParticipant(context);
  await participant.clone(work);
  await participant.seal(work);
  await participant.close(work);
  await t.resolves(participant.endAll(), 'though its time never runs out here');
});

t.test('the live trees of a swap are closed side by side, so that the first waits for no other', async (t) => {
  const node = await ParticipantNode.make(t, [], true);
  const work = await node.begin('transact');
  const seen: string[] = [];
  const { setLiveReadOnly } = node.driver;
  node.driver.setLiveReadOnly = async (place, readOnly) => {
    seen.push(`${place.name} begins`);
    await setTurn();
    await setLiveReadOnly(place, readOnly);
    seen.push(`${place.name} ends`);
  };
  await node.close(work);
  t.same(seen.slice(0, 2).sort(), ['db begins', 'wal begins']);
});

t.test('a committed snapshot is looked for by both of its names at once', async (t) => {
  const node = await ParticipantNode.make(t);
  const work = await node.begin('transact');
  await node.commit(work, await node.close(work));
  const { lookup } = node.driver;
  let underWay = 0;
  const atOnce: number[] = [];
  node.driver.lookup = async (place, name) => {
    atOnce.push((underWay += 1));
    await setTurn();
    return lookup(place, name).finally(() => (underWay -= 1));
  };
  await node.participant.publish('app', 1);
  t.same(atOnce.slice(0, 2), [1, 2]);
});
