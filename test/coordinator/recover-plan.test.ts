/** What recovery sweeps from a publish directory, and which pins it releases. */
import { join } from 'node:path';
import t from 'tap';
import { createFlockLocks } from '#src/adapters/locks-flock/index.js';
import { recover } from '#src/coordinator/recover.js';
import { planPins, planSweep } from '#src/coordinator/recover-plan.js';
import { SnapcommitError } from '#src/errors.js';
import { pinLock } from '#src/participant/fence.js';
import { formatStaged } from '#src/participant/names.js';
import { ParticipantNode } from '../participant/participant-node.js';

t.test('G12 a name that has outlived its entry is taken away by the recovery that finds it', async (t) => {
  const node = await ParticipantNode.make(t);
  const work = await node.begin('capture');
  await node.abort(work);
  const { cluster } = node.context.log.identity;
  const name = formatStaged({ kind: 'staged', cluster, group: 'app', round: 1, ...work });
  // As a link of ZFS whose removal a power loss took back: it is listed, nothing can be looked up, and `rename` removes it.
  let stands = true;
  const { list, rename } = node.driver;
  node.driver.list = async (volume) => [
    ...(await list(volume)),
    ...(stands ? [{ name, id: null, readOnly: false }] : []),
  ];
  node.driver.rename = async (volume, from, to) => {
    if (from === name) stands = false;
    return rename(volume, from, to);
  };
  const steps = await planSweep(node.context, new Set());
  t.match(steps, [{ action: { action: 'remove', target: `db: ${name}` } }]);
  for (const { act } of steps) await act();
  t.strictSame(await planSweep(node.context, new Set()), [], 'a second recovery does nothing');
});

t.test('T13 a pin is kept whose command runs where its processes are not seen from here', async (t) => {
  const node = await ParticipantNode.make(t);
  const [group, generation, holder] = ['app', 1, { ...node.context.self, pid: 1 }];
  const state = { ...(await node.context.log.read()), pins: { p1: { group, generation, holder } } };
  const locks = { ...(await node.context.locks()), holders: () => [] };
  const settings = { ...node.context.settings, takeOverGraceMs: 10 };
  const context = { ...node.context, settings, locks: async () => Promise.resolve(locks) };
  const elsewhere = createFlockLocks(join(node.context.stateDirectory, 'locks')).tryAcquire(pinLock('p1'), 'shared');
  t.strictSame(await planPins(context, state), []);
  elsewhere?.release();
  t.match(await planPins(context, state), [{ action: { action: 'unpin', target: 'app@1' } }]);
});

t.test('a volume that cannot be looked at is a step that fails, and in a dry run one that is told', async (t) => {
  const node = await ParticipantNode.make(t);
  const gone = new SnapcommitError('VOLUME_UNAVAILABLE', 'its disk is missing.');
  node.driver.list = async () => Promise.reject(gone);
  const action = { action: 'report', target: 'db', reason: 'its disk is missing.' };
  t.strictSame(await recover(node.context, true), { actions: [action], failures: [] });
  const failures = [{ action, reason: 'its disk is missing.' }];
  t.strictSame(await recover(node.context, false), { actions: [action], failures });
});
