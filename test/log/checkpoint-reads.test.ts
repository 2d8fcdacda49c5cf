/** Records of generations are read right while a peer's checkpoint takes the place of what a node has. */
import t, { type Test } from 'tap';
import { encodeGeneration } from '#src/log/codec.js';
import type { GenerationRecord } from '#src/machine/state.js';
import { archiveWith } from '../support/memory-replica-contents.js';
import { until } from '../support/until.js';
import { memoryCluster, type MemoryNode } from './memory-cluster.js';
import { commitGeneration } from './support.js';

/** A node that has taken a checkpoint with app@1 into memory, and whose disk hangs over it. */
async function midway(t: Test): Promise<{ readonly node: MemoryNode; readonly whole: GenerationRecord | undefined }> {
  const nodes = await memoryCluster(t, { checkpointSlots: 4, keepSlots: 0 });
  const [one, two] = [...nodes.values()].filter(({ host }) => host.identity.node !== 'c');
  const node = nodes.get('c');
  if (one === undefined || two === undefined || node === undefined) throw new Error('there are three nodes');
  node.isDeaf = true;
  t.ok((await commitGeneration(one.host)).ok);
  for (const { host } of [one, two])
    await until('the others have a checkpoint', () => host.replicaStatus().checkpointSlot >= 4);
  node.store.hangs = 'at installs';
  node.isDeaf = false;
  await until('the checkpoint is in its memory', () => node.store.holds);
  return { node, whole: await one.host.generation('app', 1) };
}

t.test('a record that a checkpoint brings is waited for until it is durable, and not taken for lost', async (t) => {
  const { node, whole } = await midway(t);
  const asked = Promise.all([node.host.staleGeneration('app', 1), node.host.staleGenerations('app')]);
  node.store.release();
  t.same(await asked, [whole, [whole]]);
});

t.test('nor is a record told that an earlier group of this name had, and that the checkpoint replaces', async (t) => {
  const { node, whole } = await midway(t);
  if (whole === undefined) throw new Error('the others have it');
  const { disk } = node;
  const former = encodeGeneration({ ...whole, committedAt: whole.committedAt - 1 });
  disk.contents = { ...disk.contents, archive: archiveWith(disk.contents.archive, 'app', 1, former) };
  const asked = Promise.all([node.host.staleGeneration('app', 1), node.host.staleGenerations('app')]);
  // Who did not wait would have been answered before whoever asks the store now.
  await node.store.store.archivedOf('app');
  node.store.release();
  t.same(await asked, [whole, [whole]]);
});
