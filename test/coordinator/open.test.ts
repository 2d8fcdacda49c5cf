/** Opening a generation: what a refusal leaves. */
import t from 'tap';
import { capture } from '#src/coordinator/commit.js';
import { open } from '#src/coordinator/open.js';
import { commitRequest, coordinating } from './coordinating.js';

t.test('an open that is refused holds nothing', async (t) => {
  const { context } = await coordinating(t, () => ({}));
  await capture(context, commitRequest());
  const elsewhere = { ...context, self: { ...context.self, node: 'beta' } };
  const request = { group: 'app', generation: null, hold: 'backup', localOnly: true };
  await t.rejects(open(elsewhere, request), {
    code: 'UNAVAILABLE',
    message: /no volume of app@1 is on this node, beta/,
  });
  t.same((await context.log.read()).holds, {});
  await open(context, request);
  t.notSame((await context.log.read()).holds, {});
});
