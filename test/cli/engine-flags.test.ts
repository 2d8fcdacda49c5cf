/** What a daemon asks of V8 is known to this Node: of anything else every start of a daemon would complain. */
import { spawnSync } from 'node:child_process';
import t from 'tap';
import { daemonEngineFlags } from '#src/cli/engine-flags.js';

t.test('this Node takes what a daemon asks of it, and says nothing', async (t) => {
  const flags = daemonEngineFlags(process.versions.node);
  const source = `for (const flag of ${JSON.stringify(flags)}) require('node:v8').setFlagsFromString(flag)`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', source], { encoding: 'utf8' });
  t.same({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });
});

t.test('what only one version of V8 knows is asked of that one', async (t) => {
  const only20 = '--interrupt-budget=10000';
  t.ok(daemonEngineFlags('20.19.0').includes(only20));
  for (const version of ['22.23.3', '24.21.0', '200.1.0']) {
    t.notOk(daemonEngineFlags(version).includes(only20), version);
    t.ok(daemonEngineFlags(version).includes('--no-parallel-scavenge'), version);
  }
});
