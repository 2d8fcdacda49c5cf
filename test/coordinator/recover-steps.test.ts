/** Ending what nobody drives, where something of it does not work. */
import t from 'tap';
import { abandonTransaction } from '#src/coordinator/recover-steps.js';
import { SnapcommitError } from '#src/errors.js';
import { readClosed, reopenClosed } from '#src/participant/closed-trees.js';
import { ParticipantNode } from '../participant/participant-node.js';

t.test(
  'a swap whose live tree cannot be opened is aborted all the same, and the tree opened when that works',
  async (t) => {
    const node = await ParticipantNode.make(t);
    const work = await node.begin('transact');
    await node.close(work);
    await node.participant.leave(work);
    const open = (await node.context.log.read()).open[work.transaction];
    if (open === undefined) throw new Error('it is open');
    node.driver.failNext('setLiveReadOnly', new SnapcommitError('VOLUME_UNAVAILABLE', 'volume db: its device is gone'));
    const warnings: string[] = [];
    const context = {
      ...node.context,
      report: (progress: { readonly kind: string; readonly message?: string }) => {
        if (progress.kind === 'warning') warnings.push(progress.message ?? '');
      },
    };
    await abandonTransaction(context, open).act();
    t.same((await node.context.log.read()).open, {}, 'its group is free');
    t.match(warnings.join(), /its device is gone; it may be read-only/);
    t.ok(node.isReadOnly);
    const notes = await readClosed(node.context);
    t.match(notes, [{ transaction: work.transaction }], 'and what is still closed is not forgotten');
    for (const note of notes) await reopenClosed(node.context, note);
    t.notOk(node.isReadOnly);
    t.same(await readClosed(node.context), []);
  },
);
