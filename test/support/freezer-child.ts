/**
 * A process that freezes cgroups as a commit does, to be stopped and killed from outside:
 *   freezer-child.js STATE_DIRECTORY LIMIT_MS CGROUP...
 * It prints `armed GUARD_PID`, `frozen`, and after a line on its stdin the result of `release` as JSON.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { createCommandRunner } from '#src/adapters/command-runner/index.js';
import { createCgroupWriters } from '#src/adapters/freezer-cgroup/index.js';

const [stateDirectory = '', limitMs = '', ...cgroups] = process.argv.slice(2);

function guardPid(): string {
  const children = readdirSync('/proc/self/task').flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, 'utf8').trim().split(' '),
  );
  return children.find((pid) => pid !== '') ?? '';
}

const writers = createCgroupWriters({ stateDirectory, runner: createCommandRunner() });
const armed = await writers.arm('tx-child', await writers.resolve(cgroups, []), Number(limitMs));
process.stdout.write(`armed ${guardPid()}\n`);
const freeze = await armed.freeze();
process.stdout.write('frozen\n');
process.stdin.once('data', () => {
  void freeze.release().then((result) => {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    process.stdin.destroy();
  });
});
