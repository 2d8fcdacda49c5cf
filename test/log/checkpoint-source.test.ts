/** A checkpoint is served although its reader does not close as it should. */
import t from 'tap';
import { CheckpointSource } from '#src/log/checkpoint-source.js';
import type { WireMessage } from '#src/log/wire-message.js';
import { slot } from '#src/paxos/slot.js';
import type { CheckpointReader } from '#src/ports/replica-store.js';

const IDLE_TICKS = 101;

t.test('a reader that cannot be closed ends nobody', async (t) => {
  let closed = 0;
  const reader = (): CheckpointReader => {
    const chunks = [Buffer.from('one'), Buffer.from('two')];
    return {
      slot: slot(7),
      next: async () => Promise.resolve(chunks.shift() ?? null),
      close: async () => {
        closed += 1;
        return Promise.reject(new Error('the disk is gone'));
      },
    };
  };
  const sent: WireMessage[] = [];
  const source = new CheckpointSource(
    { readCheckpoint: async () => Promise.resolve(reader()) },
    (_to, message) => sent.push(message),
    async () => Promise.resolve(),
  );
  await source.pulled('b', 1, 0);
  await source.pulled('b', 2, 0);
  t.match(sent, [
    { type: 'chunk', transfer: 1, index: 0 },
    { type: 'chunk', transfer: 2, index: 0 },
  ]);
  t.equal(closed, 1, 'the one before');
  for (let ticks = 0; ticks < IDLE_TICKS; ticks += 1) source.tick();
  t.equal(closed, 2, 'the one that nobody asks any more');
  await source.pulled('b', 3, 0);
  await source.close();
  t.equal(closed, 3);
});
