/** Waiting for other nodes at the end of a transaction: a stuck one keeps nobody for ever. */
import t from 'tap';
import { atTheEnd } from '#src/coordinator/nodes.js';
import { cut } from '#src/coordinator/cut.js';
import type { Plan } from '#src/coordinator/begin.js';
import type { Begun } from '#src/coordinator/decide.js';
import { SnapcommitError } from '#src/errors.js';
import type { Context } from '#src/participant/context.js';
import { DEFAULT_SETTINGS } from '#src/participant/settings.js';
import { FakeTime } from '../support/call-world.js';
import { fakeParticipant } from '../support/fake-participant.js';

const WAIT_MS = DEFAULT_SETTINGS.publishWaitMs;

function contextAt(time: FakeTime, warnings: string[] = []): Context {
  return {
    clock: time,
    timers: time,
    settings: DEFAULT_SETTINGS,
    self: { node: 'a' },
    report: (progress: { readonly kind: string; readonly message?: string }) => {
      if (progress.kind === 'warning') warnings.push(progress.message ?? '');
    },
  } as unknown as Context;
}

t.test(
  'what is asked of another node at the end is waited for so long; of this node for as long as it takes',
  async (t) => {
    const time = new FakeTime();
    const [own, other] = [fakeParticipant('a'), fakeParticipant('b')];
    const never = new Promise<never>(() => undefined);
    let ownEnded = false;
    void atTheEnd(contextAt(time), own, never).finally(() => (ownEnded = true));
    const waiting = t.rejects(atTheEnd(contextAt(time), other, never), {
      code: 'UNAVAILABLE',
      message: `node b did not answer within ${String(WAIT_MS)} ms`,
    });
    await time.pass(WAIT_MS + 1);
    await waiting;
    t.notOk(ownEnded, 'what this node does it must know');
    t.equal(await atTheEnd(contextAt(time), other, Promise.resolve(7)), 7);
  },
);

t.test('G1 G7 a node that is stuck at the end of a failed round keeps neither the others nor the user', async (t) => {
  const time = new FakeTime();
  const warnings: string[] = [];
  const [own, stuck, third] = ['a', 'b', 'c'].map((node) => fakeParticipant(node));
  if (own === undefined || stuck === undefined || third === undefined) throw new Error('there are three');
  third.fail('freeze', new SnapcommitError('FREEZE_FAILED', 'the writers could not be paused'));
  // It works on its freeze for ever, and on whatever comes after.
  for (const method of ['freeze', 'endRound', 'resume'] as const) stuck.hold(method);
  const group = { record: { preHooks: [], postHooks: [], stopUnits: [] } };
  const plan = {
    nodes: [own, stuck, third].map((participant) => ({ participant, volumes: [], cgroups: [] })),
    group,
    reachable: 'barrier',
    require: null,
  } as unknown as Plan;
  const begun = { begin: { transaction: 't1' }, epoch: { incarnation: 1, slot: 1 } } as unknown as Begun;
  const failed = t.rejects(cut(contextAt(time, warnings), plan, begun, new AbortController().signal), {
    code: 'FREEZE_FAILED',
  });
  await time.pass(1);
  for (const node of [own, third])
    t.ok(
      node.heard.some(([method]) => method === 'endRound'),
      `the writers of ${node.node} run again at once`,
    );
  await time.pass(2 * WAIT_MS + 2);
  await failed;
  t.match(warnings.join('\n'), /node b could not be told to let its writers go.*its own guard does/);
});
