// test-timeout-seconds: 240
/** A short piece of `npm run soak:hosts`. SEED replays what is random in it. */
import t from 'tap';
import { requireBtrfs, requireCgroups, requireCommand } from '../support/requirements.js';
import { describeHostsSoak, soakHosts } from './soak.js';

requireBtrfs(t);
requireCgroups(t);
requireCommand(t, 'nft');

const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));

await t.test('G1 G4 G8 L4 three hosts under chaos hold whole generations and promise nothing false', async (t) => {
  t.comment(`SEED=${String(seed)}`);
  const report = await soakHosts({ seed, seconds: 20, roundSeconds: 20 });
  for (const line of describeHostsSoak(report).split('\n')) t.comment(line);
  t.strictSame(report.problems, []);
  t.ok(report.answers.has('0'), 'commits got through');
});
