/** `npm run soak`: rounds of a minute, three and five daemons by turns. */
import { runSoak } from '../support/soak-program.js';
import { describeSoak, soak } from './soak.js';

await runSoak({
  minutes: 10,
  pieceMinutes: 1,
  soak: async ({ number, seed, seconds }) => {
    const members = number % 2 === 0 ? 3 : 5;
    const report = await soak({ seed, seconds, members, clients: 2 * members });
    const isGood = report.verdict.kind === 'linearizable' && report.converged;
    return { isGood, description: `${String(members)} daemons\n${describeSoak(report)}` };
  },
});
