/** Appends through a daemon that fails in the middle: nothing is done twice, and `unknown` is said only when it is. */
import t from 'tap';
import type { ServedLog } from '#src/daemon/local-api/service.js';
import { SnapcommitError } from '#src/errors.js';
import type { AppendKey, Outcome, Slot } from '#src/machine/entry.js';
import type { AppendResult } from '#src/ports/log.js';
import { identity, volumeNamed } from '../log/support.js';
import { cuttable, logWith, remote, serve, stateDirectoryOf } from './support.js';

const OK: Outcome = { ok: true, generation: null, transaction: null };

/** Answers a repeat with the first one's slot, as the state machine does, and notes every key. */
function exactlyOnce(after: (attempt: number) => void): { log: ServedLog; keys: AppendKey[]; applied: () => number } {
  const slots = new Map<string, Slot>();
  const keys: AppendKey[] = [];
  const append = async (_operation: unknown, _request: unknown, key: AppendKey | null): Promise<AppendResult> => {
    if (key === null) throw new Error('an append without a name');
    keys.push(key);
    const name = `${key.client} ${String(key.sequence)}`;
    const slot = slots.get(name) ?? ((slots.size + 1) as Slot);
    slots.set(name, slot);
    after(keys.length);
    return Promise.resolve({ status: 'chosen', slot, outcome: OK });
  };
  return { log: logWith({ append }), keys, applied: () => slots.size };
}

t.test('L3 an append whose answer is lost is repeated under its key, and done once', async (t) => {
  let die = (): void => undefined;
  const { log, keys, applied } = exactlyOnce((attempt) => {
    // The daemon dies after the entry is chosen and before it answers.
    if (attempt === 1) die();
  });
  const served = await serve(t, log);
  const line = await cuttable(t, served.stateDirectory);
  die = line.cut;
  const far = await remote(t, line.stateDirectory);
  t.match(await far.append(volumeNamed('a')), { status: 'chosen', slot: 1 });
  t.equal(applied(), 1);
  t.equal(keys.length, 2);
  t.same(keys[1], keys[0], 'the same client, sequence and since');
  await far.append(volumeNamed('b'));
  t.equal(keys[2]?.client, keys[0]?.client);
  t.equal(keys[2]?.sequence, (keys[0]?.sequence ?? 0) + 1);
});

t.test(
  'L3 a client that only appends says how far it has come, so that it is not taken for a late repeat',
  async (t) => {
    const { log, keys } = exactlyOnce(() => undefined);
    const { stateDirectory } = await serve(t, log);
    const far = await remote(t, stateDirectory);
    await far.append(volumeNamed('a'));
    await far.append(volumeNamed('b'));
    await far.append(volumeNamed('c'));
    t.same(
      keys.slice(1).map(({ since }) => since),
      [1, 2],
      'each comes after the slot that the one before was told',
    );
  },
);

t.test('an answer of `unknown` is asked again, and so becomes known', async (t) => {
  let attempts = 0;
  const append = async (): Promise<AppendResult> => {
    attempts += 1;
    if (attempts === 1) return Promise.resolve({ status: 'unknown', reason: 'the leader is gone' });
    if (attempts === 2) return Promise.resolve({ status: 'notDone', reason: 'no leader yet' });
    return Promise.resolve({ status: 'chosen', slot: 5 as Slot, outcome: OK });
  };
  const { stateDirectory } = await serve(t, logWith({ append }));
  const far = await remote(t, stateDirectory);
  t.match(await far.append(volumeNamed('a')), { status: 'chosen', slot: 5 });
  t.equal(attempts, 3);
});

t.test('once an attempt may have been chosen, no refusal makes it `not done`', async (t) => {
  let attempts = 0;
  const full = new SnapcommitError('STORE_FULL', 'full');
  const append = async (): Promise<AppendResult> => {
    attempts += 1;
    if (attempts === 1) return Promise.resolve({ status: 'unknown', reason: 'the sync failed' });
    return Promise.reject(full);
  };
  const { stateDirectory } = await serve(t, logWith({ append }));
  const far = await remote(t, stateDirectory, { timeoutMs: 300 });
  t.same(await far.append(volumeNamed('a')), { status: 'unknown', reason: 'the sync failed' });
  t.ok(attempts > 1);
});

t.test('nor does a daemon of another log that answers by then', async (t) => {
  const stateDirectory = stateDirectoryOf(t);
  let attempts = 0;
  let replaced: Promise<unknown> | undefined;
  const append = async (): Promise<AppendResult> => {
    attempts += 1;
    const other = logWith({ identity: { ...identity, cluster: 'another' } });
    replaced = first.server.close().then(async () => serve(t, other, stateDirectory));
    return Promise.resolve({ status: 'unknown', reason: 'the sync failed' });
  };
  const first = await serve(t, logWith({ append }), stateDirectory);
  const far = await remote(t, stateDirectory, { timeoutMs: 1500 });
  t.match(await far.append(volumeNamed('a')), { status: 'unknown' });
  await replaced;
  t.equal(attempts, 1);
});

t.test('an append that never reached a daemon is surely not done', async (t) => {
  const { stateDirectory, server } = await serve(t, logWith({}));
  const far = await remote(t, stateDirectory, { timeoutMs: 300 });
  await far.read();
  await server.close();
  t.match(await far.append(volumeNamed('a')), { status: 'notDone', reason: /does not run|is gone/ });
});

t.test('an append that is not answered in time is unknown', async (t) => {
  let asked = false;
  let answer = (): void => undefined;
  const append = async (): Promise<AppendResult> => {
    asked = true;
    return new Promise((resolve) => {
      answer = () => {
        resolve({ status: 'notDone', reason: 'too late to matter' });
      };
    });
  };
  const { stateDirectory } = await serve(t, logWith({ append }));
  const far = await remote(t, stateDirectory, { timeoutMs: 300 });
  const result = await far.append(volumeNamed('a'));
  t.ok(asked);
  t.match(result, { status: 'unknown', reason: /did not answer in time/ });
  answer();
});

t.test('a command whose own time is up waits for a moment only', async (t) => {
  const clock = { now: () => 0, monotonic: () => performance.now() };
  const append = async (): Promise<AppendResult> => Promise.resolve({ status: 'notDone', reason: 'no leader' });
  const { stateDirectory } = await serve(t, logWith({ append }));
  const far = await remote(t, stateDirectory, { clock, timeoutMs: 3_600_000, endsAtMs: performance.now() - 1 });
  // The last try may be under way when the time is up: then nobody knows.
  const { status } = await far.append(volumeNamed('a'));
  t.ok(status === 'notDone' || status === 'unknown', `${status}, and not after the hour`);
});

t.test('reads wait for a daemon that comes back', async (t) => {
  const stateDirectory = stateDirectoryOf(t);
  const first = await serve(t, logWith({}), stateDirectory);
  const far = await remote(t, stateDirectory);
  await first.server.close();
  const state = far.read();
  await serve(t, logWith({}), stateDirectory);
  t.equal((await state).applied, 0);
});

t.test('a read that cannot be had in time is unavailable', async (t) => {
  let asked = 0;
  const read = async (): Promise<never> => {
    asked += 1;
    return Promise.reject(new SnapcommitError('UNAVAILABLE', 'no majority of the cluster can be reached'));
  };
  const { stateDirectory } = await serve(t, logWith({ read }));
  const far = await remote(t, stateDirectory, { timeoutMs: 200 });
  await t.rejects(far.read(), { code: 'UNAVAILABLE', message: /no majority/ });
  t.ok(asked > 1, 'it was tried again');
});
