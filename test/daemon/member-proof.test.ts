/** A node is let vote once its peers have judged its store: how long that is waited for, and what is said where it is not. */
import t from 'tap';
import { CHANGE_TIMEOUT_MS } from '#src/daemon/cluster/patience.js';
import type { Timers } from '#src/ports/timers.js';
import { adminOver, memberOver, namedMembers } from './member-over.js';

/** On which nobody waits. */
function quickTimers(): { readonly timers: Timers; passedMs(): number } {
  let passed = 0;
  const after: Timers['after'] = (delayMs, action) => {
    passed += delayMs;
    setImmediate(action);
    return () => undefined;
  };
  return { timers: { after }, passedMs: () => passed };
}

t.test('D8 it is waited for as long as the command that asked for it waits, less what an answer takes', async (t) => {
  const { timers, passedMs } = quickTimers();
  const { log, changes } = memberOver(await namedMembers(t, ['alpha', 'b', 'c']));
  const admin = adminOver(log, () => false, { isReached: () => false }, timers);
  const refused = { code: 'UNAVAILABLE', message: /not been heard of.*nothing was changed/, details: { waited: true } };
  await t.rejects(admin.addVoter('b'), refused);
  t.ok(passedMs() > CHANGE_TIMEOUT_MS / 2 && passedMs() < CHANGE_TIMEOUT_MS);
  await t.rejects(admin.replaceMember('alpha', 'b'), refused);
  t.same(changes, []);
});

t.test('D8 a member of a slow heartbeat is let vote once it is judged', async (t) => {
  const { timers, passedMs } = quickTimers();
  const { log } = memberOver(await namedMembers(t, ['alpha', 'b', 'c']));
  const admin = adminOver(log, () => passedMs() >= 80_000, {}, timers);
  t.same((await admin.addVoter('b')).voters, ['alpha', 'b']);
});

t.test('D8 of a member that is connected it is said how long it takes until it is judged', async (t) => {
  const { log } = memberOver(await namedMembers(t, ['alpha', 'b', 'c']));
  const admin = adminOver(log, () => false, { judgedWithinMs: 800_000 }, quickTimers().timers);
  await t.rejects(admin.addVoter('b'), {
    code: 'UNAVAILABLE',
    message: /b is connected, but its peers have not judged its store yet.*up to 800 s.*run it again/,
    details: { waited: true },
  });
});
