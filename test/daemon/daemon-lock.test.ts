/** Who holds the lock of a node's daemon is not frozen by a command of that node. */
import { join } from 'node:path';
import t from 'tap';
import { contextOver } from '#src/daemon/compose.js';
import { makeCgroup } from '../support/cgroups.js';
import { requireCgroups, requireCommand } from '../support/requirements.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';
import { logWith } from './support.js';

requireCgroups(t);
const flock = requireCommand(t, 'flock');

t.test('the cgroup of the daemon is nothing to freeze, and one without it is', async (t) => {
  const stateDirectory = temporaryDirectory(t, 'daemon-lock');
  const file = join(stateDirectory, 'locks', 'daemon.lock');
  const append = async (): Promise<never> => Promise.reject(new Error('nothing is appended'));
  const writers = await contextOver({ ...logWith({}), append }, { stateDirectory }).writers();
  const { cgroup, start, remove } = makeCgroup(t);
  t.match(await writers.resolve([cgroup], []), [{ cgroup }]);

  // Takes the lock, and becomes the program.
  await start('/bin/sh', '-c', `mkdir ${stateDirectory}/locks && exec ${flock} --no-fork ${file} sleep infinity`);
  const refusal = async (): Promise<unknown> =>
    writers.resolve([cgroup], []).then(
      () => null,
      (error: unknown) => error,
    );
  await until('it holds the lock', async () => (await refusal()) !== null);
  t.match(await refusal(), { code: 'CGROUP_INVALID', message: /in which this node's daemon \(pid \d+\) runs/ });
  await remove();
});
