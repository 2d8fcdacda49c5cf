/** What a member that goes on alone keeps of the cluster's state, and what it gives up with the others. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createStore } from '#src/adapters/store-sqlite/index.js';
import { openReplicaStore } from '#src/adapters/store-sqlite/replica/index.js';
import { recoverCluster } from '#src/daemon/cluster/recover.js';
import { LOG_FILE } from '#src/daemon/embedded-log.js';
import { decodeState, encodeState } from '#src/log/codec.js';
import { soleVoter } from '#src/log/embedded.js';
import type { Slot } from '#src/machine/entry.js';
import { emptyState, type State } from '#src/machine/state.js';
import { identity } from '../log/support.js';
import { stateDirectoryOf } from './support.js';

const pinOf = (node: string): State['pins'][string] => ({
  group: 'app',
  generation: 9,
  holder: { node, bootId: 'b', pid: 1, startTime: 1 },
});

t.test('T13 of the nodes that are given up no pin is left, since nobody could release it', async (t) => {
  const stateDirectory = stateDirectoryOf(t);
  for (const room of ['log', 'locks']) mkdirSync(join(stateDirectory, room), { mode: 0o700 });
  const file = join(stateDirectory, 'log', LOG_FILE);
  const own = pinOf(identity.node);
  const state: State = {
    ...emptyState(identity.incarnation),
    applied: 7 as Slot,
    members: { [identity.node]: { address: 'alpha:7420' }, b: { address: 'b:7420' } },
    pins: { own, lost: pinOf('b'), gone: pinOf('c') },
  };
  const checkpoint = encodeState(state);
  const configuration = soleVoter(identity.node);
  createStore(file, { ...identity, configuration, mode: 'cluster' }, { slot: state.applied, checkpoint, archive: [] });
  await recoverCluster({ stateDirectory });
  const store = await openReplicaStore(file);
  t.teardown(async () => store.close());
  const { checkpoint: kept } = await store.load();
  if (kept.kind !== 'whole') throw new Error('no checkpoint was written');
  const { pins, members } = decodeState(kept.bytes);
  t.same(pins, { own });
  t.same(members, { [identity.node]: { address: 'alpha:7420' } });
});
