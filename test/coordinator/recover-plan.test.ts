/** What recovery sweeps from a publish directory. */
import t from 'tap';
import { planSweep } from '#src/coordinator/recover-plan.js';
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
