/** A swap that is given up, and whose live trees cannot be opened again. */
import t from 'tap';
import type { Plan } from '#src/coordinator/begin.js';
import type { Begun } from '#src/coordinator/decide.js';
import { swapIn } from '#src/coordinator/swap.js';
import { SnapcommitError } from '#src/errors.js';
import type { Context } from '#src/participant/context.js';
import { fakeParticipant } from '../support/fake-participant.js';

const ABORTED = { kind: 'aborted' } as const;

/** What it is told as, where the live trees stay closed; `open`: what the log has open by then. */
async function failureOf(open: Readonly<Record<string, unknown>>): Promise<SnapcommitError> {
  const participant = fakeParticipant('a');
  participant.fail('close', new SnapcommitError('IN_USE', 'the live tree is in use.'));
  const appended: string[] = [];
  const context = {
    self: { node: 'a' },
    report: () => undefined,
    log: {
      read: async () => Promise.resolve({ open }),
      append: async ({ type }: { readonly type: string }) => {
        appended.push(type);
        return Promise.resolve({ status: 'chosen', slot: 2, outcome: { ok: true, ...ABORTED } });
      },
    },
  } as unknown as Context;
  const plan = {
    nodes: [{ participant, volumes: [], cgroups: [] }],
    group: { record: { preHooks: [], postHooks: [], stopUnits: [] } },
  } as unknown as Plan;
  const begun = { begin: { transaction: 't1', group: 'app' }, epoch: { incarnation: 1, slot: 1 } } as unknown as Begun;
  const options = {
    consistency: { grade: 'barrier', stallMs: 0, skewMs: 0, frozen: [], hosts: [] },
    signal: new AbortController().signal,
  } as const;
  const failure: unknown = await swapIn(context, plan, begun, options).catch((error: unknown) => error);
  if (!(failure instanceof SnapcommitError)) throw new Error('it fails');
  t.same(appended, 't1' in open ? [] : ['abort']);
  return failure;
}

t.test('a swap that is left open says so, and what ends it', async (t) => {
  const { code, message, details } = await failureOf({ t1: {} });
  t.equal(code, 'IN_USE');
  t.match(message, /^the live tree is in use\. Transaction t1 of app is given up but still open.*`snapcommit recover`/);
  t.match(details, { begun: true, open: true, transaction: 't1' });
});

t.test('one that somebody else has ended meanwhile does not', async (t) => {
  const { message, details } = await failureOf({});
  t.equal(message, 'the live tree is in use.');
  t.notOk('open' in details);
});
