/** Changes of the membership that are asked for through the socket: what is said where nobody knows what became of them. */
import t, { type Test } from 'tap';
import { systemClock } from '#src/adapters/clock-system.js';
import type { ClusterAdmin } from '#src/daemon/cluster/admin.js';
import { RemoteAdmin } from '#src/daemon/cluster/remote-admin.js';
import { SnapcommitError } from '#src/errors.js';
import type { Clock } from '#src/ports/clock.js';
import { identity } from '../log/support.js';
import { cuttable, logWith, noAdmin, serve } from './support.js';

/** One that asks `admin` through a connection that can be cut. */
async function over(t: Test, admin: Partial<ClusterAdmin>, timeoutMs: number, clock: Clock = systemClock) {
  const { stateDirectory } = await serve(t, logWith({}), undefined, { admin: { ...noAdmin, ...admin } });
  const way = await cuttable(t, stateDirectory);
  const remote = new RemoteAdmin({ stateDirectory: way.stateDirectory, identity, clock, timeoutMs });
  t.teardown(() => {
    remote.close();
  });
  return { remote, way };
}

/** One that stands still until it is told that time is up. */
function stoppedClock(): { readonly clock: Clock; readonly end: () => void } {
  let now = 0;
  return { clock: { ...systemClock, monotonic: () => now }, end: () => void (now = Number.MAX_SAFE_INTEGER) };
}

const AT_LENGTH_MS = 60_000;
const never = async (): Promise<never> => new Promise(() => undefined);
const notNow = async (): Promise<never> =>
  Promise.reject(new SnapcommitError('UNAVAILABLE', 'the members are as they were'));

t.test('a removal whose daemon died is told as unknown, whatever the next daemon says', async (t) => {
  let asked = 0;
  let cut = (): void => undefined;
  const { clock, end } = stoppedClock();
  const removeMember = async (): Promise<never> => {
    asked += 1;
    if (asked > 1) {
      end();
      return notNow();
    }
    cut();
    return never();
  };
  const { remote, way } = await over(t, { removeMember }, AT_LENGTH_MS, clock);
  ({ cut } = way);
  await t.rejects(remote.removeMember('b', false), {
    code: 'OUTCOME_UNKNOWN',
    message: /the connection to the daemon ended.*`snapcommit cluster members`/,
  });
  t.ok(asked > 1, 'it was asked again');
});

t.test('so is every other change that is not answered in time', async (t) => {
  const { remote } = await over(
    t,
    { addVoter: never, replaceMember: never, renewCertificate: never, issueToken: never, status: never },
    100,
  );
  const code = 'OUTCOME_UNKNOWN';
  await t.rejects(remote.addVoter('b'), { code, message: /did not answer in time.*cluster members/ });
  await t.rejects(remote.replaceMember('a', 'b'), { code });
  await t.rejects(remote.renewCertificate(), { code });
  await t.rejects(remote.issueToken({ lifetimeMs: 1, node: null }), { code });
  await t.rejects(remote.status(), { code: 'UNAVAILABLE' }, 'who only asked may ask again');
});

t.test('a change that every daemon refused was not begun', async (t) => {
  const { clock, end } = stoppedClock();
  let asked = 0;
  const removeMember = async (): Promise<never> => {
    asked += 1;
    if (asked > 1) end();
    return notNow();
  };
  const { remote } = await over(t, { removeMember }, AT_LENGTH_MS, clock);
  await t.rejects(remote.removeMember('b', false), { code: 'UNAVAILABLE', message: /as they were/ });
});

/** What is said of a removal whose first daemon died, and that the next one refuses with `refusal`. */
async function refusedAfterDoubt(t: Test, refusal: SnapcommitError): Promise<unknown> {
  let asked = 0;
  let cut = (): void => undefined;
  const removeMember = async (): Promise<never> => {
    asked += 1;
    if (asked > 1) return Promise.reject(refusal);
    cut();
    return never();
  };
  const { remote, way } = await over(t, { removeMember }, AT_LENGTH_MS);
  ({ cut } = way);
  return remote.removeMember('b', true).catch((error: unknown) => error);
}

t.test('what a daemon refuses after one that died is told as unknown, with why', async (t) => {
  const behind = new SnapcommitError('LOG_BEHIND_STAMP', 'the log is an older copy');
  t.match(await refusedAfterDoubt(t, behind), {
    code: 'OUTCOME_UNKNOWN',
    message: /not known whether it was done: the log is an older copy\. See `snapcommit cluster members`/,
  });
  const half = new SnapcommitError('OUTCOME_UNKNOWN', 'b has lost its name');
  t.match(await refusedAfterDoubt(t, half), { code: 'OUTCOME_UNKNOWN', message: /^b has lost its name$/ });
});

t.test(
  'what was refused without a doubt is told as it is, and what was waited for is not waited for again',
  async (t) => {
    let asked = 0;
    const { clock, end } = stoppedClock();
    const addVoter = async (): Promise<never> => {
      asked += 1;
      if (asked > 1) end();
      return Promise.reject(new SnapcommitError('UNAVAILABLE', 'd has not been heard of', { waited: true }));
    };
    const removeMember = async (): Promise<never> => Promise.reject(new SnapcommitError('IN_USE', 'b has volumes'));
    const { remote } = await over(t, { addVoter, removeMember }, AT_LENGTH_MS, clock);
    await t.rejects(remote.addVoter('d'), { code: 'UNAVAILABLE', message: /^d has not been heard of$/ });
    t.equal(asked, 1);
    await t.rejects(remote.removeMember('b', false), { code: 'IN_USE' });
  },
);
