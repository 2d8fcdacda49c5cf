/** A daemon tells the log its own address. */
import t from 'tap';
import { announceAddress } from '#src/daemon/announce-address.js';
import { contextOver } from '#src/daemon/compose.js';
import { emptyState, type State } from '#src/machine/state.js';
import type { ReplicatedLog } from '#src/ports/log.js';
import { logWith, notes } from './support.js';

t.test('a daemon goes on telling its address after a failure that may pass', async (t) => {
  let reads = 0;
  const read = async (): Promise<State> => {
    reads += 1;
    return reads === 1 ? Promise.reject(new Error('a disk that stumbles')) : Promise.resolve(emptyState(1));
  };
  const told: string[] = [];
  const context = contextOver(readable(read), { stateDirectory: '/none' });
  await announceAddress(context, 'alpha:7420', notes(told), new AbortController().signal);
  t.equal(reads, 2);
  t.same(told, ['a disk that stumbles']);
});

/** A log that can only be read. */
function readable(read: () => Promise<State>): ReplicatedLog {
  return { ...logWith({ read }), append: async () => Promise.reject(new Error('nothing is to be appended')) };
}
