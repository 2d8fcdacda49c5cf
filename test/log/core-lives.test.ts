/** The lives of a core: what it has to know that it forgot is durable before it says anything more. */
import t from 'tap';
import { systemTimers } from '#src/adapters/timers-system.js';
import { CoreLives, type CoreLivesUser } from '#src/log/core-lives.js';
import { DEFAULT_SETTINGS } from '#src/log/host-settings.js';
import { nodeId } from '#src/paxos/ballot.js';
import type { Configuration } from '#src/paxos/configuration.js';
import { slot } from '#src/paxos/contiguous-log.js';
import type { Abstention } from '#src/paxos/effects.js';
import { MemoryDisk } from '../support/memory-replica-store.js';

const nothing = (): undefined => undefined;
const USER: CoreLivesUser = {
  send: nothing,
  applied: nothing,
  moved: nothing,
  perform: nothing,
  diskStalls: nothing,
  stepped: nothing,
  durable: nothing,
  alongside: () => ({}),
  begun: nothing,
  full: nothing,
  stopped: (error) => t.fail(String(error)),
};

function diskOf(voters: string, learners: string, id: number): MemoryDisk {
  const names = (of: string) => Array.from(of).map(nodeId);
  const configuration: Configuration = { id, voters: names(voters), learners: names(learners), after: slot(0) };
  return new MemoryDisk({ cluster: 'test', node: 'a', incarnation: 1, configuration, mode: 'cluster' }, 'store');
}

async function coreOver(disk: MemoryDisk): Promise<CoreLives> {
  const store = await disk.open(`start ${String(disk.syncs)}`);
  const clock = { now: () => 0, monotonic: () => 0 };
  const ports = { store, send: nothing, timers: systemTimers, clock };
  return new CoreLives(await store.load(), ports, DEFAULT_SETTINGS, USER);
}

function abstainsOn({ contents }: MemoryDisk): Abstention | null {
  return contents.head.abstains;
}

t.test('D8 what is to be forgotten while the core starts again is written before it does', async (t) => {
  const disk = diskOf('abc', '', 4);
  const core = await coreOver(disk);
  core.forget(1);
  t.notOk(core.isServing, 'it says nothing meanwhile');
  core.forget(3);
  core.forget(2);
  await core.ended();
  t.ok(core.isServing);
  t.same(abstainsOn(disk), { kind: 'forgetful', configuration: 3 }, 'the furthest of all');
  t.equal(core.forgetfulThrough, 3);
});

t.test('D8 a later word about less takes nothing back', async (t) => {
  const disk = diskOf('abc', '', 4);
  const core = await coreOver(disk);
  core.forget(3);
  await core.ended();
  core.forget(1);
  await core.ended();
  t.same(abstainsOn(disk), { kind: 'forgetful', configuration: 3 });
});

t.test('D8 a learner’s word counts in no configuration up to its own, nor in those that it forgot', async (t) => {
  const fresh = await coreOver(diskOf('bc', 'a', 2));
  t.equal(fresh.forgetfulThrough, 2, 'it never voted in its own');
  fresh.forget(5);
  await fresh.ended();
  t.equal(fresh.forgetfulThrough, 5, 'a later one, of which it was told that it voted there');
  const voter = await coreOver(diskOf('abc', '', 2));
  t.equal(voter.forgetfulThrough, 0);
});
