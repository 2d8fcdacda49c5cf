/** What members say of themselves, and changes of the membership: nothing unusable enters, and no rolled-back log goes on. */
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { announceAddress } from '#src/daemon/announce-address.js';
import { logLedger } from '#src/daemon/cluster/ledger.js';
import { MemberAdmin } from '#src/daemon/cluster/member-admin.js';
import { addressesIn, peerAddresses } from '#src/daemon/cluster/peers.js';
import { encodeAbout } from '#src/daemon/cluster/welcome.js';
import { contextOver } from '#src/daemon/compose.js';
import { addressProblem } from '#src/machine/nodes.js';
import { emptyState, type State } from '#src/machine/state.js';
import { nodeId } from '#src/paxos/ballot.js';
import { slot } from '#src/paxos/slot.js';
import type { ClusterLog, MemberSet, ReplicaStatus } from '#src/ports/cluster-log.js';
import type { ReplicatedLog } from '#src/ports/log.js';
import { freshLog, identity } from '../log/support.js';
import { temporaryDirectory } from '../support/temp.js';
import { logWith } from './support.js';

const HASH = 'ab'.repeat(32);
const BAD = ['', 'nowhere', 'b:0', 'b:65536', 'b:7420x', 'b c:7420', 'fd00::1:7420', '-b:7420', `${'b'.repeat(300)}:1`];
const CONFIGURATION = {
  id: 1,
  voters: [nodeId('alpha')],
  learners: [nodeId('b'), nodeId('c')],
  after: slot(0),
};

const STATUS: ReplicaStatus = {
  node: 'alpha',
  role: 'leader',
  standing: 'voting',
  isProven: true,
  leader: 'alpha',
  ballot: { round: 1, node: 'alpha' },
  configuration: CONFIGURATION,
  lastSlot: slot(0),
  decidedSlot: slot(0),
  appliedSlot: slot(0),
  checkpointSlot: slot(0),
  isFull: false,
  isFetching: false,
  members: [],
};

type MemberLog = ReplicatedLog & ClusterLog;

/** `log` as a member's, with `alpha` as the only voter; notes what it is asked to become. */
function memberOver(log: ReplicatedLog): { readonly log: MemberLog; readonly changes: MemberSet[] } {
  const changes: MemberSet[] = [];
  const member = Object.assign(Object.create(log) as ReplicatedLog, {
    identity,
    append: log.append.bind(log),
    read: log.read.bind(log),
    replicaStatus: () => STATUS,
    reconfigure: async (members: MemberSet) => {
      changes.push(members);
      return Promise.resolve({ ...CONFIGURATION, id: 2 });
    },
    transferLeadership: () => undefined,
  });
  return { log: member, changes };
}

/** A log that ends before the stamp of its volume. */
async function behindItsStamp(t: Test): Promise<ReplicatedLog> {
  const { log } = await freshLog(t);
  const publishDirectory = temporaryDirectory(t, 'published');
  const volume = {
    name: 'v',
    node: 'alpha',
    driver: 'memory',
    source: '/live/v',
    publishDirectory,
    filesystem: 'f',
  } as const;
  await log.append({ type: 'putMember', node: 'alpha', address: 'alpha:7420' });
  await log.append({ type: 'addVolume', volume });
  symlinkSync(`${identity.cluster}/1/999`, join(publishDirectory, '.stamp'));
  return log;
}

t.test('an address that no daemon could call enters no log', async (t) => {
  const { log } = await freshLog(t);
  const ledger = logLedger(memberOver(log).log);
  await ledger.add({ hash: HASH, expiresAt: Number.MAX_SAFE_INTEGER, node: null });
  const before = await log.read();
  for (const address of BAD) {
    await t.rejects(ledger.consume(HASH, { node: 'b', about: encodeAbout({ address }) }), { code: 'USAGE' }, address);
    t.match(addressProblem(address), { code: 'USAGE' }, 'nor by whoever asks nobody');
    t.match(await log.append({ type: 'putMember', node: 'b', address }), { outcome: { ok: false, code: 'USAGE' } });
  }
  t.same((await log.read()).members, before.members);
  t.equal((await ledger.find(HASH))?.used, false, 'the token is good for another try');
  t.equal(addressProblem('[fd00::1]:7420'), null);
});

t.test('a member whose address cannot be used is left out, and the others are called', async (t) => {
  const state: State = { ...emptyState(1), members: { b: { address: 'nowhere' }, c: { address: 'c.example:7420' } } };
  const c = { host: 'c.example', port: 7420 };
  const contacts = { address: 'alpha:7420', members: [] };
  t.same([...peerAddresses('alpha', CONFIGURATION, state, contacts)], [['c', c]]);
  t.same(addressesIn(state), [{ node: 'c', address: c }]);
});

t.test('D9 a rolled-back log of one member gives no token, lets nobody in and loses nobody', async (t) => {
  const behind = await behindItsStamp(t);
  const { log, changes } = memberOver(behind);
  const before = (await behind.read()).applied;
  const ledger = logLedger(log);
  const admin = adminOver(log);
  const code = 'LOG_BEHIND_STAMP';
  await t.rejects(ledger.add({ hash: HASH, expiresAt: 1, node: null }), { code });
  await t.rejects(ledger.consume(HASH, { node: 'b', about: encodeAbout({ address: 'b:7420' }) }), { code });
  await t.rejects(admin.addVoter('b'), { code });
  await t.rejects(admin.removeMember('b', false), { code });
  await t.rejects(admin.replaceMember('b', 'c'), { code });
  const told: string[] = [];
  await announceAddress(
    contextOver(behind, { stateDirectory: '/none' }),
    'new:7420',
    notes(told),
    new AbortController().signal,
  );
  t.match(told, [/older copy/], 'and the daemon does not try for ever');
  t.equal((await behind.read()).applied, before, 'nothing was appended');
  t.same(changes, []);
});

t.test('D8 a learner that is told to let itself vote is asked for its proof like any other', async (t) => {
  const { log } = await freshLog(t);
  const asked: string[] = [];
  const learner = { ...memberOver(log).log, identity: { ...identity, node: 'b' } };
  await adminOver(learner, (node) => asked.push(node) > 0).addVoter('b');
  t.same(asked, ['b']);
});

t.test('a daemon goes on telling its address after a failure that may pass', async (t) => {
  let reads = 0;
  const read = async (): Promise<State> => {
    reads += 1;
    return reads === 1 ? Promise.reject(new Error('a disk that stumbles')) : Promise.resolve(emptyState(1));
  };
  const told: string[] = [];
  const context = contextOver(readable(read), { stateDirectory: '/none' });
  await announceAddress(context, 'alpha:7420', notes(told), new AbortController().signal);
  t.equal(reads, 2);
  t.same(told, ['a disk that stumbles']);
});

/** A log that can only be read. */
function readable(read: () => Promise<State>): ReplicatedLog {
  return { ...logWith({ read }), append: async () => Promise.reject(new Error('nothing is to be appended')) };
}

function adminOver(log: MemberLog, isProven: (node: string) => boolean = () => true): MemberAdmin {
  const status = (): never => {
    throw new Error('not asked for in this test');
  };
  return new MemberAdmin(log, logLedger(log), { issueToken: status, renew: status }, { status, isProven });
}

function notes(told: string[]): Parameters<typeof announceAddress>[2] {
  const note = ({ reason }: { readonly reason: string }): void => {
    told.push(reason);
  };
  return { info: note, error: note } as Parameters<typeof announceAddress>[2];
}
