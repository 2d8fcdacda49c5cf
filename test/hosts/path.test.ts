// test-timeout-seconds: 300
/** The whole path over three nodes on real btrfs: commit anywhere, open everywhere, prune, restore, recover. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { at } from '../support/answers.js';
import { isStopped } from '../support/power-loss.js';
import { requireBtrfs, requireCgroups, requireCommand } from '../support/requirements.js';
import { until } from '../support/until.js';
import { readMarker } from '../support/world.js';
import { problemsAfterRecovery, publishedOn, treesOf } from './check-fleet.js';
import { makeFleet } from './fleet.js';
import { relayViolations, startRelay } from './relay.js';

requireBtrfs(t);
requireCgroups(t);
requireCommand(t, 'nft');

// Nobody is given up who only sleeps.
const fleet = await makeFleet(t, { stallLimit: '20s', settings: { unreachableMs: 60_000, takeOverAfterMs: 60_000 } });
const relay = await startRelay(t, fleet.hosts);
const [first] = fleet.hosts;
if (first === undefined) throw new Error('there are hosts');

for (const host of fleet.hosts) {
  await t.test(`a commit on ${host.node} is one moment of all hosts`, async (t) => {
    const { status, json, stderr } = await host.cli(['commit', 'app', '--require', 'barrier']);
    t.equal(status, 0, stderr);
    const generation = Number(at(json, 'generation'));
    t.equal(at(json, 'consistency.grade'), 'barrier');
    t.strictSame(relayViolations(treesOf(fleet, generation)), [], 'the counters tie out across the hosts');
    t.match(
      at(json, 'consistency.hosts'),
      fleet.hosts.map(({ node }) => ({ node, stallMs: Number, skewMs: Number })),
      'each host says how long its writers stood still',
    );
  });
}

await t.test(
  'T15 G7 every host holds its freeze until all have staged, and any of them says who is waited for',
  async (t) => {
    const [north, east, south] = [first, fleet.host(1), fleet.host(2)];
    await south.kill();
    await south.restart({ SNAPCOMMIT_STOP_AT: 'stage.before' });
    await fleet.together();
    const running = north.start(['commit', 'app', '--require', 'barrier']);
    const hasStaged = ({ volumes }: typeof first): boolean =>
      volumes.every(({ publish }) => readdirSync(publish).some((name) => name.startsWith('.staged~')));
    await until('the third host sleeps before it stages', () => isStopped(south.member.pid));
    await until('the others have staged', () => [north, east].every(hasStaged));
    for (const host of [north, east]) {
      const waitedFor = at(await host.ask('status'), 'transactions.0.waitingFor');
      t.match(
        waitedFor,
        [{ node: south.node, phase: 'stage', sinceMs: Number }],
        `${host.node} says for whom, and how long`,
      );
      t.equal(Array.isArray(waitedFor) ? waitedFor.length : 0, 1, 'and for nobody else');
    }
    // Whoever let go of them by now would have had the time.
    for (const host of [north, east]) t.ok(host.cgroup.frozen(), `${host.node} still stands`);
    south.member.resume();
    const { status, json, stderr } = await running.done;
    t.equal(status, 0, stderr);
    t.strictSame(relayViolations(treesOf(fleet, Number(at(json, 'generation')))), []);
    await south.kill();
    await south.restart();
    await fleet.together();
  },
);

await t.test('G5 every host has written out what its volumes hold before its writers stand still', async (t) => {
  const east = fleet.host(1);
  await east.kill();
  await east.restart({ SNAPCOMMIT_STOP_AT: 'freeze.frozen' });
  await fleet.together();
  const data = 'written and not synced '.repeat(10_000);
  for (const { live } of east.volumes) writeFileSync(join(live, 'data'), data);
  const running = first.start(['commit', 'app', '--require', 'barrier']);
  await until('its writers stand still, and nothing is staged there', () => isStopped(east.member.pid));
  for (const volume of east.volumes)
    t.equal(readFileSync(join(east.copyOf(volume), 'live', 'data'), 'utf8'), data, `${volume.name} has it on its disk`);
  east.member.resume();
  const { status, json, stderr } = await running.done;
  t.equal(status, 0, stderr);
  for (const { publish } of east.volumes) {
    const tree = join(publish, `app@${String(at(json, 'generation'))}`);
    t.equal(readFileSync(join(tree, 'data'), 'utf8'), data, 'and so has the generation');
  }
  await east.kill();
  await east.restart();
  await fleet.together();
});

await t.test(
  'G4 a daemon that is killed while the writers of its host stand still leaves none of them frozen',
  async (t) => {
    const east = fleet.host(1);
    await east.kill();
    await east.restart({ SNAPCOMMIT_STOP_AT: 'freeze.frozen' });
    await fleet.together();
    const before = publishedOn(east.volumes[0]?.publish ?? '').at(-1) ?? 0;
    const running = first.start(['commit', 'app', '--require', 'barrier']);
    await until('its writers stand still', () => isStopped(east.member.pid));
    t.ok(east.cgroup.frozen());
    await east.kill();
    // Sooner by much than the limit would end it.
    await until('they run again', () => !east.cgroup.requested());
    await east.restart();
    const { status, stdout } = await running.done;
    t.match(String(status), /^[05]$/, stdout);
    await fleet.together();
    t.strictSame(await problemsAfterRecovery(fleet, { writers: true }), []);
    const made = publishedOn(east.volumes[0]?.publish ?? '').filter((generation) => generation > before);
    t.equal(made.length, status === 0 ? 1 : 0, 'what was said is so');
  },
);

await t.test('every host opens the same generation, with its own paths and the others named', async (t) => {
  for (const host of fleet.hosts) {
    const opened = await host.ask('open', 'app@2');
    for (const other of fleet.hosts)
      for (const { name, publish } of other.volumes)
        t.match(at(opened, `volumes.${name}`), {
          node: other.node,
          path: other === host ? join(publish, 'app@2') : null,
        });
  }
});

await t.test('without the freeze the counters do not tie out', async (t) => {
  // So the checks of this room would notice a cut that is none.
  const volumes = fleet.hosts.flatMap((host) => host.volumes.flatMap(({ name }) => ['--volume', name]));
  await first.ask('group', 'create', 'loose', ...volumes);
  let violated = false;
  for (let tries = 0; tries < 20 && !violated; tries += 1) {
    const generation = Number(at(await first.ask('commit', 'loose'), 'generation'));
    violated = relayViolations(treesOf(fleet, generation, 'loose')).length > 0;
  }
  t.ok(violated);
});

await t.test('T13 what an exec on one host reads is not pruned on another', async (t) => {
  const read = Number(at(await first.ask('commit', 'app'), 'generation'));
  await first.ask('commit', 'app');
  const begun = join(fleet.directory, 'exec-begun');
  const script = 'touch "$0" && exec sleep infinity';
  const running = fleet.host(1).start(['exec', `app@${String(read)}`, '--', '/bin/sh', '-c', script, begun]);
  await until('it runs', () => existsSync(begun));
  const { removed } = (await fleet.host(2).ask('prune', 'app', '--keep-last', '1')) as { readonly removed: number[] };
  t.notOk(removed.includes(read), 'it is kept, whatever else goes');
  running.child.kill('SIGTERM');
  await running.done;
});

await t.test('G10 a prune on one host takes whole generations from all of them', async (t) => {
  const everywhere = fleet.hosts.flatMap(({ volumes }) => volumes);
  const newest = publishedOn(everywhere[0]?.publish ?? '').at(-1) ?? 0;
  await fleet.host(1).ask('prune', 'app', '--keep-last', '2');
  // Each takes its own, soon after it has heard that they are retired.
  await until('all hosts have done so', () =>
    everywhere.every(({ publish }) => publishedOn(publish).join() === `${String(newest - 1)},${String(newest)}`),
  );
  t.pass();
});

await t.test('a restore on one host makes a generation the live one on all of them', async (t) => {
  await relay.stop();
  fleet.mark('kept');
  const kept = Number(at(await first.ask('commit', 'app'), 'generation'));
  fleet.mark('spoilt');
  const { status, stderr } = await fleet.host(2).cli(['restore', `app@${String(kept)}`]);
  t.equal(status, 0, stderr);
  for (const { volumes } of fleet.hosts) for (const { name, live } of volumes) t.equal(readMarker(live), 'kept', name);
});

await t.test('nothing is left to do on any host', async (t) => {
  t.strictSame(await problemsAfterRecovery(fleet), []);
});
