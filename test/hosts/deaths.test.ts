// test-timeout-seconds: 300
/**
 * Whoever dies, sleeps or is cut off in the middle of a commit over three hosts: the others finish it, nobody stays frozen,
 * and every host shows the old generation or the new one. A seeded sample of blows at points of the path; SEED replays it.
 */
import t from 'tap';
import { requireBtrfs, requireCgroups, requireCommand } from '../support/requirements.js';
import { seeded } from '../support/seeded.js';
import { makeFleet } from './fleet.js';
import { startRelay } from './relay.js';
import { BLOWS, commitCrashing, commitUnder, pointsOf } from './trial.js';

requireBtrfs(t);
requireCgroups(t);
requireCommand(t, 'nft');

const { below } = seeded(t);
const fleet = await makeFleet(t, {
  stallLimit: '3s',
  settings: { takeOverGraceMs: 500, lockWaitMs: 4_000, logTimeoutMs: '4s' },
});
await startRelay(t, fleet.hosts);
const points = await pointsOf(fleet, fleet.host(0));

/** Before the cut, in it, after it, and after the decision. */
const phases = [
  /^(begin\.after|hooks\.|stamp\.)/,
  /^(freeze\.|stage\.)/,
  /^(thaw\.|commit\.before)/,
  /^(commit\.after|publish\.|view\.|published\.)/,
];

for (const blow of BLOWS) {
  // One of them, so that all takes little time; another seed takes others.
  const phase = phases[below(phases.length)] ?? /./;
  const candidates = points.filter((point) => phase.test(point));
  const point = candidates[below(candidates.length)] ?? '';
  await t.test(`G1 G4 G8 G11 L2 T6 ${blow.name} at ${point}`, async (t) => {
    const coordinator = fleet.host(below(fleet.hosts.length));
    t.strictSame(await commitUnder(fleet, coordinator, point, blow, true), []);
  });
}

/** Boundaries of a participant's own part, in its daemon. */
const PARTS = [
  ['stamp.after', 'freeze.after-intent', 'freeze.after-first-cgroup', 'freeze.frozen'],
  ['stage.before', 'stage.after-first', 'stage.after', 'thaw.thawed'],
  ['publish.before-rename', 'publish.after-rename', 'view.before-flip', 'view.after-flip', 'published.before'],
];

for (const part of PARTS) {
  const point = part[below(part.length)] ?? 'stage.after';
  await t.test(`G4 G8 G11 a participant’s daemon that dies at its own ${point}`, async (t) => {
    t.strictSame(await commitCrashing(fleet, fleet.host(0), fleet.host(1 + below(2)), point, true), []);
  });
}
