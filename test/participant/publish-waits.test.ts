/** Publishing what another was to publish, beside those who hold the live paths. */
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createFlockLocks } from '#src/adapters/locks-flock/index.js';
import { SnapcommitError } from '#src/errors.js';
import type { Context } from '#src/participant/context.js';
import { swapLock, transactionLock } from '#src/participant/fence.js';
import { publishForAnother } from '#src/participant/publishing.js';
import type { KernelLocks } from '#src/ports/locks.js';
import { until } from '../support/until.js';
import { ParticipantNode } from './participant-node.js';

/** A swap that is committed and not published; `others`: the locks as another process has them; `tries`: ours for its lock. */
async function committedSwap(t: Test, lockWaitMs = 60_000) {
  const node = await ParticipantNode.make(t);
  const work = await node.begin('transact');
  await node.commit(work, await node.close(work));
  await node.participant.leave(work);
  const [pending] = Object.values((await node.context.log.read()).pending);
  if (pending === undefined) throw new Error('nothing waits to be published');
  const others = createFlockLocks(join(node.context.stateDirectory, 'locks'));
  let tries = 0;
  let inVain: () => void = () => undefined;
  const locks = await node.context.locks();
  const counted: KernelLocks = {
    ...locks,
    acquire: async (name, ...given) => {
      if (name === swapLock('db')) tries += 1;
      return locks.acquire(name, ...given).catch((error: unknown) => {
        inVain();
        throw error;
      });
    },
  };
  const context: Context = {
    ...node.context,
    settings: { ...node.context.settings, takeOverGraceMs: 10, lockWaitMs },
    locks: async () => Promise.resolve(counted),
  };
  const whenInVain = (then: () => void): void => {
    inVain = then;
  };
  return { node, context, others, record: pending.record, tries: () => tries, whenInVain };
}

t.test('L3 who publishes for another waits for a long exchange that goes on', async (t) => {
  const { node, context, others, record, tries } = await committedSwap(t);
  const exchanging = others.tryAcquire(swapLock('db'), 'exclusive');
  const published = publishForAnother(context, record);
  await until('it has asked a few times', () => tries() > 3);
  exchanging?.release();
  await published;
  t.strictSame((await node.context.log.read()).pending, {});
});

t.test('L3 and takes a lock that was let go just when the wait was over', async (t) => {
  const { node, context, others, record, tries, whenInVain } = await committedSwap(t);
  const exchanging = others.tryAcquire(swapLock('db'), 'exclusive');
  whenInVain(() => exchanging?.release());
  await publishForAnother(context, record);
  t.equal(tries(), 1);
  t.strictSame((await node.context.log.read()).pending, {});
});

t.test('T9 and is told soon of a command that keeps the live paths', async (t) => {
  const { node, context, others, record, tries } = await committedSwap(t);
  const shown = others.tryAcquire(swapLock('db'), 'shared');
  await t.rejects(publishForAnother(context, record), { code: 'PUBLISH_PENDING', message: /swap-db is not free/ });
  t.equal(tries(), 1);
  shown?.release();
  await publishForAnother(context, record);
  t.strictSame((await node.context.log.read()).pending, {});
});

t.test('and who gives up tells how long it has waited in all', async (t) => {
  const { context, others, record, tries } = await committedSwap(t, 35);
  const exchanging = others.tryAcquire(swapLock('db'), 'exclusive');
  await t.rejects(publishForAnother(context, record), { code: 'PUBLISH_PENDING', message: /not free after 40 ms/ });
  t.equal(tries(), 4);
  exchanging?.release();
});

t.test('C19 a stopped holder that cannot be ended keeps it unpublished, and it is told as committed', async (t) => {
  const { context, record } = await committedSwap(t);
  const locks = await context.locks();
  const stopped: KernelLocks = {
    ...locks,
    holders: (name) => (name === transactionLock(record.transaction) ? [{ pid: 1, state: 'T', command: 'it' }] : []),
    endHolders: async () => Promise.reject(new SnapcommitError('BUSY', 'its holder did not end within 10 ms')),
  };
  const beside: Context = { ...context, locks: async () => Promise.resolve(stopped) };
  await t.rejects(publishForAnother(beside, record), {
    code: 'PUBLISH_PENDING',
    message: /app@1 is committed.*did not end/,
  });
});
