/** The lives of a core: what it has to know that it forgot is durable before it says anything more. */
import t from 'tap';
import { systemTimers } from '#src/adapters/timers-system.js';
import { CoreLives, type CoreLivesUser } from '#src/log/core-lives.js';
import { encodeState } from '#src/log/codec.js';
import { DEFAULT_SETTINGS } from '#src/log/host-settings.js';
import { runsOf } from '#src/machine/runs.js';
import { emptyState, type State } from '#src/machine/state.js';
import { nodeId } from '#src/paxos/ballot.js';
import type { Configuration } from '#src/paxos/configuration.js';
import { slot } from '#src/paxos/contiguous-log.js';
import type { Abstention } from '#src/paxos/effects.js';
import type { CheckedCheckpoint, ReplicaStore } from '#src/ports/replica-store.js';
import { entry, write } from '../contract/log-store.js';
import { groupRecord } from '../machine/support/parse.js';
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

/** With the group app and these generations. */
function stateWith(applied: number, live: readonly number[]): State {
  const record = groupRecord('app', ['db']);
  const app = { record, newest: 2, live: runsOf(live), incomplete: [], contents: {} };
  return { ...emptyState(1), applied: slot(applied), groups: { app } };
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
    checkpoint: { bytes: encodeState(stateWith(1, [1])), keep: 0 },
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

t.test('an older checkpoint of a peer gives back the records that it has', async (t) => {
  const disk = await diskWithRecord();
  const peer = disk.copy();
  const { configuration } = disk.contents.identity;
  const second = await disk.open('second');
  await second.persist({
    writes: [{ ...write(2, 2, entry('two')), configuration }],
    archive: [{ kind: 'put', group: 'app', generation: 2, bytes: Buffer.from('another record') }],
    applied: slot(2),
    checkpoint: { bytes: encodeState(stateWith(2, [1, 2])), keep: 0 },
  });
  for (const generation of [1, 2]) disk.damageArchived('app', generation);
  const { core, store } = await openOver(disk);
  await core.scrub();
  await core.install(await staged(store, peer));
  t.equal(Buffer.from((await store.archived('app', 1)) ?? []).toString(), 'a record');
  t.same([core.isServing, core.archiveDamaged], [true, true], 'it has not the other one');
  const { contents } = disk;
  t.same([contents.head.checkpoint, contents.head.applied], [2, 2], 'and the log is as it was');
  const synced = disk.syncs;
  await t.rejects(core.install(await staged(store, peer)), { code: 'EXPECTATION_FAILED' });
  t.equal(disk.syncs, synced, 'what it can give was taken');
  await store.persist({ archive: [{ kind: 'delete', group: 'app', generation: 2 }] });
  await t.rejects(core.install(await staged(store, peer)), { code: 'EXPECTATION_FAILED' });
  t.notOk(core.archiveDamaged, 'a generation that was retired is asked for no more');
});
