/** --stale: the log itself while a majority answers, then what this node knows, as of one slot; nothing is written. */
import t, { type Test } from 'tap';
import { StaleLog } from '#src/daemon/local-api/stale-log.js';
import { SnapcommitError } from '#src/errors.js';
import { systemClock } from '#src/adapters/clock-system.js';
import type { Slot } from '#src/machine/entry.js';
import { emptyState, type State } from '#src/machine/state.js';
import { openRemoteLog } from '#src/daemon/local-api/remote-log.js';
import { identity } from '../log/support.js';
import { logWith, serve } from './support.js';

const at = (slot: number): State => ({ ...emptyState(1), applied: slot as Slot });
const cutOff = async (): Promise<never> => Promise.reject(new SnapcommitError('UNAVAILABLE', 'no majority answers.'));

async function staleOver(t: Test, answers: Parameters<typeof logWith>[0], known: () => State): Promise<StaleLog> {
  const stale = {
    staleState: known,
    staleGeneration: async () => Promise.resolve(undefined),
    staleGenerations: async () => Promise.resolve([]),
  };
  const { stateDirectory } = await serve(t, logWith(answers), undefined, { stale });
  const log = new StaleLog(
    await openRemoteLog({ stateDirectory, identity, clock: systemClock, timeoutMs: 20_000, endsAtMs: null }),
  );
  t.teardown(() => {
    log.close();
  });
  return log;
}

t.test('with a majority it is the log itself', async (t) => {
  const log = await staleOver(
    t,
    { read: async () => Promise.resolve(at(7)), generations: async () => Promise.resolve([]) },
    () => at(3),
  );
  t.equal((await log.read()).applied, 7);
  t.equal(log.staleSlot, null);
  t.same(await log.generations('app'), []);
});

t.test('without one it answers as of one slot, also when more is applied meanwhile, and appends nothing', async (t) => {
  let slot = 3;
  const log = await staleOver(t, { read: cutOff, generation: cutOff, generations: cutOff, append: cutOff }, () =>
    at(slot),
  );
  t.equal((await log.read()).applied, 3);
  slot = 5;
  t.equal((await log.read()).applied, 3);
  t.equal(log.staleSlot, 3);
  t.equal(await log.generation('app', 1), undefined);
  t.same(await log.generations('app'), []);
  await t.rejects(log.append({ type: 'releasePin', pin: 'p' }), { code: 'UNAVAILABLE' });
});

t.test('what is no lack of a majority is told, and not answered with old news', async (t) => {
  const refuse = async (): Promise<never> => Promise.reject(new SnapcommitError('LOG_CORRUPT', 'damaged.'));
  const log = await staleOver(t, { read: refuse }, () => at(3));
  await t.rejects(log.read(), { code: 'LOG_CORRUPT' });
  t.equal(log.staleSlot, null);
});
