/** `npm run soak:hosts`: rounds of half a minute of chaos, each followed by a look at everything, until the time is up. */
import { parseArgs } from 'node:util';
import { describeHostsSoak, soakHosts } from './soak.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    seed: { type: 'string', default: process.env['SEED'] ?? String(Math.floor(Math.random() * 2 ** 31)) },
  },
});
const minutes = Number(values.minutes);
/** A fleet of its own for each few minutes, so that a seed replays without the hours before. */
const FLEET_MINUTES = 5;
let failures = 0;
const fleets = Math.max(1, Math.ceil(minutes / FLEET_MINUTES));
for (let fleet = 0; fleet < fleets; fleet += 1) {
  const seed = Number(values.seed) + fleet;
  const seconds = 60 * Math.min(FLEET_MINUTES, minutes - fleet * FLEET_MINUTES);
  console.log(`fleet ${String(fleet + 1)} of ${String(fleets)}: ${String(seconds)} s, SEED=${String(seed)}`);
  const report = await soakHosts({ seed, seconds, roundSeconds: 30 });
  const good = report.problems.length === 0;
  if (!good) failures += 1;
  console.log(describeHostsSoak(report).replaceAll(/^/gm, good ? '  ' : '! '));
}
console.log(`${String(fleets)} fleets, ${String(failures)} failed`);
process.exitCode = failures === 0 ? 0 : 1;
