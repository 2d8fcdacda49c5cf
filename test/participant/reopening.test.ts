/** Live trees that a swap has closed and that are to be writable again: none is forgotten, and none keeps another closed. */
import t from 'tap';
import { abandonTransaction } from '#src/coordinator/recover-steps.js';
import { SnapcommitError } from '#src/errors.js';
import { readClosed, reopenClosed } from '#src/participant/closed-trees.js';
import { LocalParticipant } from '#src/participant/local-participant.js';
import type { VolumeDriver } from '#src/ports/volume-driver.js';
import { ParticipantNode, PLACE } from './participant-node.js';

t.test('T7 what a closing that was given up still closes is opened, and only then forgotten', async (t) => {
  const node = await ParticipantNode.make(t);
  const { files } = node.context;
  let [tell, goOn] = [(): void => undefined, (): void => undefined];
  const noted = new Promise<void>((resolve) => (tell = resolve));
  const held = new Promise<void>((resolve) => (goOn = resolve));
  const writeDurably: typeof files.writeDurably = async (...given) => {
    await files.writeDurably(...given);
    tell();
    await held;
  };
  const participant = new LocalParticipant({ ...node.context, files: { ...files, writeDurably } });
  const work = await node.begin('transact');
  await participant.clone(work);
  await participant.seal(work);
  const closing = participant.close(work);
  await noted;
  const reopening = participant.reopen(work);
  // Whatever does not wait for the closing would have come by in some turns.
  for (let turns = 0; turns < 20; turns += 1) await node.context.log.read();
  goOn();
  await closing;
  t.equal(await reopening, true);
  t.notOk(node.isReadOnly);
  t.same(await readClosed(node.context), []);
});

t.test('T7 a live tree is opened whatever has been nested in it meanwhile, and its transaction ends', async (t) => {
  const node = await ParticipantNode.make(t);
  const { live } = node.driver;
  const refusing: VolumeDriver['live'] = async (place, asItStands = false) => {
    if (asItStands) return live(place);
    throw new SnapcommitError('SOURCE_NESTED', 'volume db: something else is mounted inside');
  };
  const first = await node.begin('transact');
  await node.close(first);
  node.driver.live = refusing;
  t.equal(await node.participant.reopen(first), true, 'by whoever closed it');
  t.notOk(node.isReadOnly);
  await node.abort(first);
  await node.participant.leave(first);

  node.driver.live = live;
  const second = await node.begin('transact');
  await node.close(second);
  await node.participant.leave(second);
  node.driver.live = refusing;
  const open = (await node.context.log.read()).open[second.transaction];
  if (open === undefined) throw new Error('it is open');
  await abandonTransaction(node.context, open).act();
  t.notOk(node.isReadOnly, 'by whoever takes it over');
  t.same(await readClosed(node.context), []);

  const note = { transaction: second.transaction, trees: [{ volume: 'db', base: (await live(PLACE)).id }] };
  await node.driver.setLiveReadOnly(PLACE, true);
  await reopenClosed(node.context, note);
  t.notOk(node.isReadOnly, 'and by a note');
});

t.test('a live tree whose disk is lost keeps no other one read-only, and is remembered', async (t) => {
  const node = await ParticipantNode.make(t);
  const wal = await node.addVolume('wal');
  const work = await node.begin('transact');
  await node.close(work);
  await node.abort(work);
  await node.participant.leave(work);
  const [noted] = await readClosed(node.context);
  if (noted === undefined) throw new Error('it is noted');
  await node.driver.setLiveReadOnly(wal, true);
  const note = { ...noted, trees: [...noted.trees, { volume: 'wal', base: (await node.driver.live(wal)).id }] };
  node.driver.failNext('live', new SnapcommitError('VOLUME_UNAVAILABLE', 'its device is gone'));
  await t.rejects(reopenClosed(node.context, note), { message: /^volume db: its device is gone/ });
  t.notOk((await node.driver.live(wal)).readOnly);
  t.ok(node.isReadOnly);
  t.equal((await readClosed(node.context)).length, 1);
  await reopenClosed(node.context, note);
  t.notOk(node.isReadOnly);
  t.same(await readClosed(node.context), []);
});
