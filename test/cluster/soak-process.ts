/** `npm run soak`: rounds of a minute, three and five daemons by turns, until the time is up. */
import { parseArgs } from 'node:util';
import { describeSoak, soak } from './soak.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: process.env['SEED'] ?? String(Math.floor(Math.random() * 2 ** 31)) },
  },
});
const rounds = Math.max(1, Math.round(Number(values.minutes)));
let failures = 0;
for (let round = 0; round < rounds; round += 1) {
  const seed = Number(values.seed) + round;
  const members = round % 2 === 0 ? 3 : 5;
  console.log(`round ${String(round + 1)} of ${String(rounds)}: ${String(members)} daemons, SEED=${String(seed)}`);
  const report = await soak({ seed, seconds: 60, members, clients: 2 * members });
  const good = report.verdict.kind === 'linearizable' && report.converged;
  if (!good) failures += 1;
  console.log(describeSoak(report).replaceAll(/^/gm, good ? '  ' : '! '));
}
console.log(`${String(rounds)} rounds, ${String(failures)} failed`);
process.exitCode = failures === 0 ? 0 : 1;
