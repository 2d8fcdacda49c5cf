// test-timeout-seconds: 240
/** Who sleeps while the others go on: fenced off when it wakes; and who is cut off: it refuses, or says that it is behind. */
import { join } from 'node:path';
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

/** Of a list's document, with the mark or without. */
function generationsIn(listed: unknown): readonly unknown[] {
  const generations: unknown = Array.isArray(listed) ? listed : at(listed, 'generations');
  return Array.isArray(generations) ? generations.map((generation) => at(generation, 'generation')) : [];
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

await t.test(
  'L6 a commit whose daemon falls asleep after the last word does not say that nothing was begun',
  async (t) => {
    const before = publishedOn(north.volumes[0]?.publish ?? '').length;
    const running = await north.startStopped(COMMIT, 'published.after');
    await until('the others have published', () =>
      fleet.hosts.every(({ volumes }) => publishedOn(volumes[0]?.publish ?? '').length > before),
    );
    north.member.pause();
    running.child.kill('SIGCONT');
    const { status, json, stdout } = await running.done;
    north.member.resume();
    t.equal(status, 9, stdout);
    t.match(textAt(json, 'error.message'), /is committed/);
    await fleet.together();
    t.strictSame(await problemsAfterRecovery(fleet, { writers: true }), []);
  },
);

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
  const before = publishedOn(north.volumes[0]?.publish ?? '').at(-1) ?? 0;
  // Without the host that is to be cut off, so that the others can go on with it.
  const rest = [east, south].flatMap(({ volumes }) => volumes.flatMap(({ name }) => ['--volume', name]));
  await east.ask('group', 'create', 'rest', ...rest);
  await east.ask('commit', 'rest');
  t.match(await north.ask('open', 'app', '--stale'), { stale: false, asOfSlot: null }, 'a fresh answer says so');
  fleet.isolate(north);
  await east.ask('commit', 'rest');
  await east.ask('hold', 'add', `app@${String(before)}`, '--tag', 'meanwhile');

  for (const command of [['open', 'app'], ['open', `app@${String(before)}`], ['list', 'rest'], ['status']]) {
    const refused = await north.cli(command);
    t.equal(refused.status, 6, `${command.join(' ')} refuses: ${refused.stdout}`);
    t.equal(at(refused.json, 'error.code'), 'UNAVAILABLE');
  }
  const stale = await north.cli(['open', 'app', '--stale']);
  t.equal(stale.status, 0, stale.stdout);
  t.match(stale.json, { group: 'app', generation: before, stale: true, asOfSlot: Number });
  for (const { name, publish } of north.volumes)
    t.equal(at(stale.json, `volumes.${name}.path`), join(publish, `app@${String(before)}`), 'its own paths');
  t.match(at(stale.json, 'volumes.n1v0'), { node: 'n1', path: null }, 'the others are named with their node');
  const said = await north.read('open', 'app', '--stale');
  t.match(said.stdout, /^stale: as of slot \d+; this node cannot reach a majority\n/, 'people read it first');
  const known = await north.ask('list', 'rest', '--stale');
  t.match(known, { stale: true });
  t.strictSame(generationsIn(known), [1], 'what the majority has committed meanwhile is not known here');
  t.match(await north.ask('status', '--stale'), { stale: true, asOfSlot: Number });

  fleet.heal();
  await fleet.together();
  t.strictSame(generationsIn(await north.ask('list', 'rest')), [1, 2], 'back among the others it knows');
  t.match(JSON.stringify(await north.ask('hold', 'list', 'app')), /meanwhile/);
});

await t.test('P8 a leader that slept through its replacement serves nothing old', async (t) => {
  const leader = await fleet.leader(north);
  const [other = north] = fleet.others(leader);
  leader.member.pause();
  await until('another one leads', async () => {
    const { json } = await other.cli(['hold', 'add', 'app@1', '--tag', 'while-it-slept']);
    return at(json, 'error') === undefined || textAt(json, 'error.code').includes('EXISTS');
  });
  leader.member.resume();
  t.match(JSON.stringify(await leader.ask('hold', 'list', 'app')), /while-it-slept/);
  await fleet.together();
  t.strictSame(await problemsAfterRecovery(fleet, { writers: true }), []);
});
