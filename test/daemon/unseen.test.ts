/** A change that was made and cannot be shown any more. */
import t from 'tap';
import { contextOver } from '#src/daemon/compose.js';
import { LocalNode } from '#src/daemon/local-node.js';
import { shownGeneration } from '#src/daemon/shown.js';
import { SnapcommitError } from '#src/errors.js';
import type { Operation, Slot } from '#src/machine/entry.js';
import { emptyState, type GenerationRecord, type State } from '#src/machine/state.js';
import type { AppendResult } from '#src/ports/log.js';
import { logWith } from './support.js';

t.test('L6 what was done is not told as if nothing had been begun, because it cannot be read back', async (t) => {
  const done: Operation['type'][] = [];
  const read = async (): Promise<State> => {
    if (done.length > 0) throw new SnapcommitError('UNAVAILABLE', 'the majority is gone');
    return Promise.resolve({ ...emptyState(1), members: { b: { address: 'b:7420' } } });
  };
  const append = async ({ type }: Operation): Promise<AppendResult> => {
    done.push(type);
    const outcome = { ok: true, generation: null, transaction: null } as const;
    return Promise.resolve({ status: 'chosen', slot: 2 as Slot, outcome });
  };
  const log = { ...logWith({ read }), append };
  const node = new LocalNode(contextOver(log, { stateDirectory: '/none' }));
  await t.rejects(node.drainNode('b'), { code: 'OUTCOME_UNKNOWN', message: /b is drained.*majority is gone/ });
  t.strictSame(done, ['drainNode']);
});

t.test('L6 a commit that cannot be looked at any more is told as committed', async (t) => {
  const log = logWith({
    read: async () => Promise.reject(new SnapcommitError('UNAVAILABLE', 'the majority is gone')),
  });
  const append = async (): Promise<AppendResult> => Promise.reject(new Error('nothing is appended'));
  const context = contextOver({ ...log, append }, { stateDirectory: '/none' });
  // All that is asked of it before the log has answered.
  const record = { group: 'app', generation: 7 } as unknown as GenerationRecord;
  await t.rejects(shownGeneration(context, record), {
    code: 'PUBLISH_PENDING',
    message: /app@7 is committed, but how it stands cannot be read: the majority is gone/,
    details: { group: 'app', generation: 7 },
  });
});
