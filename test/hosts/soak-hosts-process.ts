/** `npm run soak:hosts`: rounds of half a minute of chaos, each followed by a look at everything; a new fleet now and then. */
import { runSoak } from '../support/soak-program.js';
import { describeHostsSoak, soakHosts } from './soak.js';

await runSoak({
  minutes: 30,
  pieceMinutes: 5,
  soak: async ({ seed, seconds }) => {
    const report = await soakHosts({ seed, seconds, roundSeconds: 30 });
    return { isGood: report.problems.length === 0, description: describeHostsSoak(report) };
  },
});
