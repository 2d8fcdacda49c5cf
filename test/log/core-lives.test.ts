/** The lives of a core: what it has to know that it forgot is durable before it says anything more. */
import t from 'tap';
import { systemTimers } from '#src/adapters/timers-system.js';
import { CoreLives, type CoreLivesUser } from '#src/log/core-lives.js';
import { encodeState } from '#src/log/codec.js';
import { DEFAULT_SETTINGS } from '#src/log/host-settings.js';
import { emptyState } from '#src/machine/state.js';
import { nodeId } from '#src/paxos/ballot.js';
import type { Configuration } from '#src/paxos/configuration.js';
import { slot } from '#src/paxos/contiguous-log.js';
import type { Abstention } from '#src/paxos/effects.js';
import type { CheckedCheckpoint, ReplicaStore } from '#src/ports/replica-store.js';
import { entry, write } from '../contract/log-store.js';
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

async function openOver(disk: MemoryDisk, timers = systemTimers) {
  const store = await disk.open(`start ${String(disk.syncs)}`);
  const clock = { now: () => 0, monotonic: () => 0 };
  const ports = { store, send: nothing, timers, clock };
  return { store, core: new CoreLives(await store.load(), ports, { ...DEFAULT_SETTINGS, fullRetryMs: 10 }, USER) };
}

async function coreOver(disk: MemoryDisk): Promise<CoreLives> {
  return (await openOver(disk)).core;
}

/** A voter's disk with a checkpoint of slot 1 and the record of one generation. */
async function diskWithRecord(): Promise<MemoryDisk> {
  const disk = diskOf('abc', '', 1);
  const store = await disk.open('first');
  const { configuration } = disk.contents.identity;
  await store.persist({
    writes: [{ ...write(1, 1, entry('one')), configuration }],
    archive: [{ kind: 'put', group: 'app', generation: 1, bytes: Buffer.from('a record') }],
    applied: slot(1),
    checkpoint: { bytes: encodeState({ ...emptyState(1), applied: slot(1) }), keep: 0 },
  });
  return disk;
}

/** The checkpoint of that disk, checked by this store. */
async function staged(store: ReplicaStore, from: MemoryDisk): Promise<CheckedCheckpoint> {
  const reader = await (await from.copy().open('a peer')).readCheckpoint();
  const installer = await store.install();
  for (let chunk = await reader?.next(); chunk; chunk = await reader?.next()) await installer.write(chunk);
  return installer.check();
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

t.test('a checkpoint that the disk has no room for keeps no voter from voting, and is not tried again', async (t) => {
  const disk = await diskWithRecord();
  const peer = disk.copy();
  disk.damageArchived('app', 1);
  const due: (() => void)[] = [];
  const after = (_ms: number, action: () => void) => {
    due.push(action);
    return () => undefined;
  };
  const { core, store } = await openOver(disk, { after });
  await core.scrub();
  disk.isFull = true;
  await t.rejects(core.install(await staged(store, peer)), { code: 'STORE_FULL' });
  t.ok(core.isServing, 'what it has is as good as before');
  t.same([core.archiveDamaged, core.refusedRescues], [true, 1]);
  await store.install();
  disk.isFull = false;
  for (const action of due.splice(0)) action();
  await core.ended();
  t.same([core.stopped, core.archiveDamaged], [null, true], 'the next one that comes in takes its place');
  await core.install(await staged(store, peer));
  t.same([core.isServing, core.archiveDamaged, core.refusedRescues], [true, false, 0]);
});
