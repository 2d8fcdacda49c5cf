/** A moved disk whose live tree its old node had closed for a swap: the note of that stayed behind. */
import t from 'tap';
import { moveVolume } from '#src/daemon/move-volume.js';
import { SnapcommitError } from '#src/errors.js';
import { forgetClosed } from '#src/participant/closed-trees.js';
import { ParticipantNode } from '../participant/participant-node.js';

const HERE = { name: 'db', source: null, publishDirectory: null };

t.test('a live tree that an aborted swap left closed on its old node is writable where its disk is now', async (t) => {
  const node = await ParticipantNode.make(t);
  const work = await node.begin('transact');
  await node.close(work);
  await node.abort(work);
  await node.participant.leave(work);
  await forgetClosed(node.context, work.transaction);
  t.ok(node.isReadOnly, 'nothing here says why');
  await moveVolume(node.context, HERE);
  t.notOk(node.isReadOnly);
});

t.test('T7 a live tree that a committed swap is still to replace stays closed where its disk is now', async (t) => {
  const node = await ParticipantNode.make(t);
  const work = await node.begin('transact');
  await node.commit(work, await node.close(work));
  await node.participant.leave(work);
  await forgetClosed(node.context, work.transaction);
  await moveVolume(node.context, HERE);
  t.ok(node.isReadOnly, 'what is written now would be lost in the replaced tree');
  await node.participant.publish('app', 1);
  t.notOk(node.isReadOnly, 'the new one is open');
});

t.test('a volume whose publish directory nobody may write to is not moved, and the log says so', async (t) => {
  const node = await ParticipantNode.make(t);
  const before = await node.context.log.read();
  const withOwned = () => Promise.reject(new SnapcommitError('SOURCE_INVALID', 'it belongs to user 1000'));
  const context = { ...node.context, files: { ...node.context.files, withOwned } };
  await t.rejects(moveVolume(context, HERE), { code: 'SOURCE_INVALID' });
  t.strictSame((await node.context.log.read()).applied, before.applied, 'nothing was entered');
});
