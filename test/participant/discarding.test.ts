/** Deleting what a transaction staged, beside volumes that others have locked for long. */
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createFlockLocks } from '#src/adapters/locks-flock/index.js';
import { volumeLock } from '#src/participant/fence.js';
import { LocalParticipant } from '#src/participant/local-participant.js';
import type { Work } from '#src/ports/participant.js';
import { ParticipantNode, PLACE } from './participant-node.js';

/** A node with another volume, `wal`, that waits for no lock; `lock` takes a volume's as another process would. */
async function withAnother(t: Test) {
  const node = await ParticipantNode.make(t);
  const wal = await node.addVolume('wal');
  const settings = { ...node.context.settings, takeOverGraceMs: 10, lockWaitMs: 10 };
  const participant = new LocalParticipant({ ...node.context, settings });
  const others = createFlockLocks(join(node.context.stateDirectory, 'locks'));
  const lock = (volume: string): (() => void) => {
    const held = others.tryAcquire(volumeLock(volume), 'exclusive');
    return () => held?.release();
  };
  const staged = async (): Promise<number> => (await node.driver.list(PLACE)).length;
  const cut = async (work: Work, number = 1): Promise<void> => {
    const round = { ...work, round: number };
    await participant.prepare(round);
    await participant.freeze(round);
    await participant.stage(round);
    await participant.endRound(round);
  };
  return { node, wal, participant, lock, staged, cut };
}

t.test('who gives up waits for no volume that has nothing to do with it', async (t) => {
  const { node, participant, lock, staged, cut } = await withAnother(t);
  t.teardown(lock('wal'));
  const work = await node.begin('capture');
  await cut(work);
  t.equal(await staged(), 1);
  await participant.discard(work, 1);
  t.equal(await staged(), 0, 'nor between two rounds');
  await cut(work, 2);
  await node.abort(work);
  await participant.discard(work, null);
  t.equal(await staged(), 0);
});

t.test('G11 it waits for its own, where a step that was given up may still be making something', async (t) => {
  const { node, participant, lock, staged, cut } = await withAnother(t);
  const work = await node.begin('capture');
  const unlock = lock('db');
  await node.abort(work);
  await t.rejects(participant.discard(work, null), { code: 'BUSY' });
  unlock();
  t.equal(await staged(), 0);

  const moved = await node.begin('capture');
  await cut(moved);
  await node.abort(moved);
  const group = (await node.context.log.read()).groups['app']?.record;
  if (group === undefined) throw new Error('it is there');
  await node.append({ type: 'updateGroup', group: { ...group, volumes: ['wal'] }, replaces: null });
  await participant.discard(moved, null);
  t.equal(await staged(), 0, 'and finds what stands on a volume that its group has no more');
});
