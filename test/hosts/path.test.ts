// test-timeout-seconds: 240
/** The whole path over three nodes on real btrfs: commit anywhere, open everywhere, restore, prune, recover. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { at, textAt } from '../support/answers.js';
import { requireBtrfs, requireCgroups, requireCommand } from '../support/requirements.js';
import { readMarker } from '../support/world.js';
import { problemsAfterRecovery, publishedOn, treesOf } from './check-fleet.js';
import { makeFleet } from './fleet.js';
import { relayViolations, startRelay } from './relay.js';

requireBtrfs(t);
requireCgroups(t);
requireCommand(t, 'nft');

const fleet = await makeFleet(t);
const relay = await startRelay(t, fleet.hosts);

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
  // What the checks above would say of a cut that is none.
  await fleet.host(0).ask('group', 'update', 'app', '--no-freeze');
  let violated = false;
  for (let tries = 0; tries < 20 && !violated; tries += 1) {
    const generation = Number(at(await fleet.host(0).ask('commit', 'app'), 'generation'));
    violated = relayViolations(treesOf(fleet, generation)).length > 0;
  }
  t.ok(violated);
});
