// test-timeout-seconds: 240
/** Two who want something at once, on different hosts; and who was away while something was decided. */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { at, textAt } from '../support/answers.js';
import { requireBtrfs, requireCgroups, requireCommand } from '../support/requirements.js';
import { until } from '../support/until.js';
import { readMarker } from '../support/world.js';
import { problemsAfterRecovery, publishedOn, treesOf } from './check-fleet.js';
import { makeFleet } from './fleet.js';
import { relayViolations, startRelay } from './relay.js';
import { COMMIT } from './trial.js';

requireBtrfs(t);
requireCgroups(t);
requireCommand(t, 'nft');

// Nobody ends here who is only stopped.
const fleet = await makeFleet(t, { stallLimit: '10s', settings: { takeOverGraceMs: 120_000, lockWaitMs: 4_000 } });
const [north, east, south] = [fleet.host(0), fleet.host(1), fleet.host(2)];
const relay = await startRelay(t, fleet.hosts);
const kept = Number(at(await north.ask(...COMMIT), 'generation'));

await t.test('G2 G6 G7 while one host’s commit is in its cut, the others know it and leave it alone', async (t) => {
  const running = await north.startStopped(COMMIT, 'commit.before');
  const second = await east.cli(COMMIT);
  t.equal(second.status, 4, 'another commit is refused');
  t.match(textAt(second.json, 'error.message'), /on n0/, 'and told who is at it, and where');
  const removal = await south.cli(['group', 'remove', 'app', '--with-generations']);
  t.equal(removal.status, 4, 'the group stays');
  const status = await south.ask('status');
  const open = textAt(status, 'groups.0.open');
  const shown = await south.ask('transaction', 'show', open);
  t.match(shown, { state: 'open', coordinator: { node: 'n0' } }, 'any host says who drives it');
  t.match(textAt(shown, 'since'), /^\d{4}-/, 'and since when');
  running.child.kill('SIGCONT');
  const { status: exit, stderr } = await running.done;
  t.equal(exit, 0, stderr);
  t.strictSame(await problemsAfterRecovery(fleet, { writers: true }), []);
});

await t.test('G6 who waits for another host’s commit gets the generation after it', async (t) => {
  const running = await north.startStopped(COMMIT, 'commit.before');
  const waiting = east.start([...COMMIT, '--wait', '--verbose']);
  let told = '';
  waiting.child.stderr?.on('data', (text: string) => (told += text));
  await until('the other one waits', () => told.includes('"wait"'));
  running.child.kill('SIGCONT');
  const [first, second] = [await running.done, await waiting.done];
  t.equal(first.status, 0, first.stderr);
  t.equal(second.status, 0, second.stderr);
  t.equal(Number(at(second.json, 'generation')), Number(at(first.json, 'generation')) + 1);
  t.strictSame(await problemsAfterRecovery(fleet, { writers: true }), []);
});

await t.test('T15 a freeze that lapses on one host voids the round on all', async (t) => {
  const running = await north.startStopped(COMMIT, 'stage.before#1');
  await until('the other host stands still', () => east.cgroup.frozen());
  east.cgroup.thawByHand();
  running.child.kill('SIGCONT');
  const { status, json, stderr } = await running.done;
  t.equal(status, 0, stderr);
  t.match(stderr, /n1.*the round is void/, 'it says on which host');
  t.equal(at(json, 'consistency.grade'), 'barrier', 'a later round held');
  t.strictSame(relayViolations(treesOf(fleet, Number(at(json, 'generation')))), [], 'and the counters tie out');
  t.strictSame(await problemsAfterRecovery(fleet, { writers: true }), []);
});

await t.test('L4 two hosts that recover at once come to one outcome', async (t) => {
  const running = await north.startStopped(COMMIT, 'commit.before');
  await north.kill();
  await running.done;
  const results = await Promise.all([east, south].map(async (host) => host.cli(['recover'])));
  for (const { signal } of results) t.equal(signal, null, 'neither is ended by the other');
  await until('it is decided', async () => at(await south.ask('status'), 'groups.0.open') === null);
  await north.restart();
  await fleet.together();
  t.strictSame(await problemsAfterRecovery(fleet, { writers: true }, south), []);
});

await t.test('T13 what a restore on one host reads is not pruned on another', async (t) => {
  await relay.stop();
  fleet.mark('restored');
  const source = Number(at(await north.ask('commit', 'app'), 'generation'));
  fleet.mark('spoilt');
  await north.ask('commit', 'app');
  const running = await north.startStopped(['restore', `app@${String(source)}`], 'clone.after');
  await east.cli(['prune', 'app', '--keep-last', '1']);
  t.ok(publishedOn(east.volumes[0]?.publish ?? '').includes(source), 'it is kept');
  running.child.kill('SIGCONT');
  const { status, stderr } = await running.done;
  t.equal(status, 0, stderr);
  for (const { volumes } of fleet.hosts) for (const { live } of volumes) t.equal(readMarker(live), 'restored');
});

await t.test('T1 T5 T13 a host that was down during a swap swaps before it stages anything', async (t) => {
  fleet.mark('before');
  const source = Number(at(await north.ask('commit', 'app'), 'generation'));
  fleet.mark('after');
  // Once it hears of the commit it swaps by itself: it has to be down before.
  const running = await north.startStopped(['restore', `app@${String(source)}`], 'commit.before');
  await east.kill();
  running.child.kill('SIGCONT');
  const { status, stdout, stderr, json } = await running.done;
  t.equal(status, 9, `it is committed, and says what is missing: ${stdout}${stderr}`);
  t.match(textAt(json, 'error.message'), /node n1 has not published it/);
  const early = await south.cli(['commit', 'app']);
  t.not(early.status, 0, 'nothing is staged beside a swap that is not done');
  t.match(textAt(early.json, 'error.message'), /n1/, 'it says who is missing');
  await east.restart();
  await fleet.together();
  const later = Number(at(await south.ask('commit', 'app'), 'generation'));
  t.strictSame(treesOf(fleet, later).map(readMarker), treesOf(fleet, source).map(readMarker), 'no mix of old and new');
  t.strictSame(await problemsAfterRecovery(fleet), []);
});

await t.test('G8 no generation ever was a part', async (t) => {
  t.ok((publishedOn(south.volumes[0]?.publish ?? '').at(-1) ?? 0) > kept);
});

await t.test('G9 a snapshot that another tool destroys on another host before it is published is named', async (t) => {
  const [volume] = east.volumes;
  if (volume === undefined) throw new Error('the host has no volume');
  const running = await north.startStopped(['commit', 'app'], 'commit.before');
  const staged = readdirSync(volume.publish).filter((name) => name.startsWith('.staged~'));
  t.equal(staged.length, 1, 'it stands there under its hidden name');
  for (const name of staged) execFileSync('/usr/bin/btrfs', ['subvolume', 'delete', join(volume.publish, name)]);
  running.child.kill('SIGCONT');
  const { status, json, stdout } = await running.done;
  t.equal(status, 9, 'it is committed, and not published');
  t.match(stdout, new RegExp(`n1.*${volume.name}|${volume.name}.*n1`, 's'), 'the host and the volume are named');
  t.match(stdout, /is gone; another tool may have deleted it/);
  const generation = Number(at(json, 'error.details.generation'));
  for (const host of fleet.hosts) {
    const checked = await host.cli(['verify', `app@${String(generation)}`]);
    t.not(checked.status, 0, 'no host takes it for whole');
    t.match(checked.stdout, volume.name, 'and each names the volume');
  }
  const later = Number(at(await south.ask('commit', 'app'), 'generation'));
  for (const host of fleet.hosts)
    t.equal(Number(at(await host.ask('open', 'app'), 'generation')), later, `${host.node} shows the one after it`);
});
