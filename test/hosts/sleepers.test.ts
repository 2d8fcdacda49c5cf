// test-timeout-seconds: 240
/** Who sleeps while the others go on: fenced off when it wakes; and who is cut off: it refuses, or says that it is behind. */
import t from 'tap';
import { at, textAt } from '../support/answers.js';
import { requireBtrfs, requireCgroups, requireCommand } from '../support/requirements.js';
import { until } from '../support/until.js';
import { problemsAfterRecovery, publishedOn } from './check-fleet.js';
import { makeFleet } from './fleet.js';
import { startRelay } from './relay.js';
import { COMMIT } from './trial.js';

requireBtrfs(t);
requireCgroups(t);
requireCommand(t, 'nft');

const fleet = await makeFleet(t, { settings: { takeOverGraceMs: 500, lockWaitMs: 4_000, logTimeoutMs: '4s' } });
const [north, east, south] = [fleet.host(0), fleet.host(1), fleet.host(2)];
await startRelay(t, fleet.hosts);
await north.ask(...COMMIT);

async function nothingOpenOn(host: typeof north): Promise<boolean> {
  return at(await host.ask('status'), 'groups.0.open') === null;
}

await t.test('L2 T6 a coordinator that slept with its machine is fenced off when it wakes', async (t) => {
  const before = publishedOn(south.volumes[0]?.publish ?? '');
  const running = await north.startStopped(COMMIT, 'commit.before');
  north.member.pause();
  await until('another host has taken it over', async () => nothingOpenOn(east));
  north.member.resume();
  running.child.kill('SIGCONT');
  const { status, signal, stderr } = await running.done;
  // Its own node's daemon may have ended it before it could ask.
  if (signal === null) t.equal(status, 5, stderr);
  else t.equal(signal, 'SIGKILL');
  t.strictSame(publishedOn(south.volumes[0]?.publish ?? ''), before, 'it changed nothing');
  await fleet.together();
  t.strictSame(await problemsAfterRecovery(fleet, { writers: true }), []);
});

await t.test('T4 a publish that slept before its flip turns nothing back', async (t) => {
  const running = await north.startStopped(COMMIT, 'view.before-flip');
  await east.ask('recover');
  const later = Number(at(await east.ask(...COMMIT), 'generation'));
  running.child.kill('SIGCONT');
  const { signal } = await running.done;
  t.equal(signal, 'SIGKILL', 'who acted in its place ended it first');
  const problems = await problemsAfterRecovery(fleet, { writers: true });
  t.strictSame(problems, [], 'every host shows the later one');
  t.equal(publishedOn(north.volumes[0]?.publish ?? '').at(-1), later);
});

await t.test('P8 a host that is cut off refuses to read, and with --stale says that it is behind', async (t) => {
  fleet.isolate(north);
  const refused = await north.cli(['open', 'app']);
  t.equal(refused.status, 6, refused.stdout);
  const stale = await north.cli(['open', 'app', '--stale']);
  t.equal(stale.status, 0, stale.stdout);
  t.equal(at(stale.json, 'stale'), true);
  await east.ask('hold', 'add', 'app@1', '--tag', 'meanwhile');
  fleet.heal();
  await fleet.together();
  t.match(JSON.stringify(await north.ask('hold', 'list', 'app')), /meanwhile/);
});

await t.test('P8 a leader that slept through its replacement serves nothing old', async (t) => {
  const leader = await fleet.leader(north);
  const [other = north] = fleet.others(leader);
  leader.member.pause();
  await until('another one leads', async () => {
    const { json } = await other.cli(['hold', 'add', 'app@1', '--tag', 'while-it-slept']);
    return at(json, 'error') === undefined || /EXISTS/.test(textAt(json, 'error.code'));
  });
  leader.member.resume();
  t.match(JSON.stringify(await leader.ask('hold', 'list', 'app')), /while-it-slept/);
  await fleet.together();
  t.strictSame(await problemsAfterRecovery(fleet, { writers: true }), []);
});
