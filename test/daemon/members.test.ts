/** What members say of themselves, and changes of the membership: nothing unusable enters, and no rolled-back log goes on. */
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { systemClock } from '#src/adapters/clock-system.js';
import { systemTimers } from '#src/adapters/timers-system.js';
import { announceAddress } from '#src/daemon/announce-address.js';
import { ContactBook } from '#src/daemon/cluster/contact-book.js';
import { logLedger } from '#src/daemon/cluster/ledger.js';
import { addressesIn, peerAddresses } from '#src/daemon/cluster/peers.js';
import { clusterDirectory, readContacts, writeContacts } from '#src/daemon/cluster/place.js';
import { encodeAbout } from '#src/daemon/cluster/welcome.js';
import { contextOver } from '#src/daemon/compose.js';
import { PeerLink } from '#src/daemon/peer-link.js';
import { SnapcommitError } from '#src/errors.js';
import { addressProblem } from '#src/machine/nodes.js';
import { emptyState, type State } from '#src/machine/state.js';
import { nodeId } from '#src/paxos/ballot.js';
import type { Configuration } from '#src/paxos/configuration.js';
import type { ReplicatedLog } from '#src/ports/log.js';
import type { PeerAddress } from '#src/ports/transport.js';
import { freshLog, identity } from '../log/support.js';
import { temporaryDirectory } from '../support/temp.js';
import { adminOver, CONFIGURATION, memberOver, namedMembers, type MemberLog } from './member-over.js';
import { notes } from './support.js';

const HASH = 'ab'.repeat(32);
const BAD = ['', 'nowhere', 'b:0', 'b:65536', 'b:7420x', 'b c:7420', 'fd00::1:7420', '-b:7420', `${'b'.repeat(300)}:1`];
function joiner(node: string, address = `${node}:7420`, key = 'k1') {
  return { node, key, about: encodeAbout({ address }) };
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
  const ledger = logLedger(memberOver(log).log, systemClock);
  await ledger.add({ hash: HASH, expiresAt: Number.MAX_SAFE_INTEGER, node: null });
  const before = await log.read();
  for (const address of BAD) {
    await t.rejects(ledger.consume(HASH, joiner('b', address)), { code: 'USAGE' }, address);
    t.match(addressProblem(address), { code: 'USAGE' }, 'nor by whoever asks nobody');
    t.match(await log.append({ type: 'putMember', node: 'b', address }), { outcome: { ok: false, code: 'USAGE' } });
  }
  t.same((await log.read()).members, before.members);
  t.equal((await log.read()).tokens[HASH]?.usedBy, null, 'the token is good for another try');
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
  const ledger = logLedger(log, systemClock);
  const admin = adminOver(log);
  const code = 'LOG_BEHIND_STAMP';
  await t.rejects(ledger.add({ hash: HASH, expiresAt: 1, node: null }), { code });
  await t.rejects(ledger.consume(HASH, joiner('b')), { code });
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

t.test('a join that failed after its token was used is finished by the same node with the same token', async (t) => {
  const { log } = await freshLog(t);
  let fails = true;
  const { log: member, changes } = memberOver(log, CONFIGURATION, async () =>
    fails ? Promise.reject(new SnapcommitError('OUTCOME_UNKNOWN', 'no answer')) : Promise.resolve(),
  );
  const ledger = logLedger(member, systemClock);
  await ledger.add({ hash: HASH, expiresAt: Number.MAX_SAFE_INTEGER, node: null });
  await t.rejects(ledger.consume(HASH, joiner('d')), { code: 'OUTCOME_UNKNOWN' });
  fails = false;
  await ledger.check(HASH, joiner('d'));
  await t.rejects(ledger.check(HASH, joiner('d', 'd:7420', 'k2')), { code: 'TOKEN_USED' }, 'not another machine');
  await t.rejects(ledger.check(HASH, joiner('e')), { code: 'TOKEN_USED' });
  await ledger.consume(HASH, joiner('d'));
  t.match(changes, [{ learners: ['b', 'c', 'd'] }]);
  await ledger.consume(HASH, joiner('d'));
  t.match(changes[1], { learners: ['b', 'c', 'd'] }, 'and once more changes nothing');
  await t.rejects(ledger.check('cd'.repeat(32), joiner('e')), { code: 'TOKEN_UNKNOWN' });
});

t.test('what fails once a token was used is told as unknown', async (t) => {
  const { log } = await freshLog(t);
  const { log: member } = memberOver(log, CONFIGURATION, async () =>
    Promise.reject(new SnapcommitError('UNAVAILABLE', 'no leader carried it out')),
  );
  const ledger = logLedger(member, systemClock);
  await ledger.add({ hash: HASH, expiresAt: Number.MAX_SAFE_INTEGER, node: null });
  await t.rejects(ledger.consume(HASH, joiner('d')), { code: 'OUTCOME_UNKNOWN', message: /used for d.*no leader/ });
  const unread: MemberLog = Object.assign(Object.create(memberOver(log).log) as MemberLog, {
    reconfigure: async () => {
      unread.read = async () => Promise.reject(new SnapcommitError('UNAVAILABLE', 'no majority'));
      return Promise.resolve(CONFIGURATION);
    },
  });
  await t.rejects(logLedger(unread, systemClock).consume(HASH, joiner('d')), { code: 'OUTCOME_UNKNOWN' });
});

t.test('nobody joins under the name of the only voter, and its address stays', async (t) => {
  const log = await namedMembers(t, ['alpha', 'b', 'c']);
  const { log: member } = memberOver(log);
  const ledger = logLedger(member, systemClock);
  await ledger.add({ hash: HASH, expiresAt: Number.MAX_SAFE_INTEGER, node: 'alpha' });
  const other = joiner('alpha', 'elsewhere:7420');
  await t.rejects(ledger.check(HASH, other), { code: 'IN_USE', message: /only voter/ });
  await t.rejects(ledger.consume(HASH, other), { code: 'IN_USE' });
  const { members, tokens } = await log.read();
  t.match(members, { alpha: { address: 'alpha:7420' } });
  t.equal(tokens[HASH]?.usedBy, null);
});

t.test('a removal that got no further than the name says so, and goes on when it is asked for again', async (t) => {
  const log = await namedMembers(t, ['alpha', 'b', 'c']);
  let fails = true;
  const { log: member } = memberOver(log, CONFIGURATION, async () =>
    fails ? Promise.reject(new SnapcommitError('UNAVAILABLE', 'no leader carried it out')) : Promise.resolve(),
  );
  const admin = adminOver(member);
  const told = { code: 'OUTCOME_UNKNOWN', message: /b has lost its name.*no leader.*same command again/ };
  await t.rejects(admin.removeMember('b', false), told);
  t.equal((await log.read()).members['b'], undefined);
  await t.rejects(admin.removeMember('b', false), told, 'also when the name was gone before');
  fails = false;
  t.same((await admin.removeMember('b', false)).learners, ['c']);
});

t.test('a node that is removed while it joins is told so, and is no learner without a name', async (t) => {
  const log = await namedMembers(t, ['alpha']);
  const { log: member } = memberOver(log, CONFIGURATION, async () => {
    await log.append({ type: 'removeMember', node: 'd', forfeit: false });
  });
  const ledger = logLedger(member, systemClock);
  await ledger.add({ hash: HASH, expiresAt: Number.MAX_SAFE_INTEGER, node: null });
  await t.rejects(ledger.consume(HASH, joiner('d')), { code: 'EXPECTATION_FAILED', message: /was removed/ });
  await t.rejects(ledger.consume(HASH, joiner('d')), { code: 'TOKEN_USED' });
});

t.test('a removal whose answer was lost is answered as done when it is asked for again', async (t) => {
  const log = await namedMembers(t, ['alpha', 'b', 'c']);
  const { log: member, changes } = memberOver(log);
  const admin = adminOver(member);
  const removed = await admin.removeMember('b', false);
  t.same(removed.learners, ['c']);
  t.same((await admin.removeMember('b', false)).learners, ['c']);
  await t.rejects(admin.removeMember('never', false), { code: 'NODE_NOT_FOUND' });
  t.equal(changes.length, 2);
});

t.test('a change is worked out from the members of when it comes about, not of when it was asked for', async (t) => {
  const log = await namedMembers(t, ['alpha', 'b', 'c']);
  const { log: member } = memberOver(log);
  const other = adminOver(member);
  let isProven = false;
  const admin = adminOver(member, () => isProven);
  const added = admin.addVoter('c');
  await other.removeMember('b', false);
  isProven = true;
  const { voters, learners } = await added;
  t.same([voters, learners], [['alpha', 'c'], []], 'b does not come back');
});

t.test('where the vote of a member cannot go, its name stays', async (t) => {
  const log = await namedMembers(t, ['alpha', 'b', 'c']);
  const two: Configuration = { ...CONFIGURATION, voters: [nodeId('alpha'), nodeId('b')], learners: [nodeId('c')] };
  let isFirst = true;
  const over: { log: MemberLog | null } = { log: null };
  const { log: member } = memberOver(log, two, async () => {
    // Somebody else removes the other voter first.
    if (!isFirst) return;
    isFirst = false;
    await over.log?.reconfigure(() => ({ voters: ['b'], learners: ['c'] }));
  });
  over.log = member;
  await t.rejects(adminOver(member).removeMember('b', false), { code: 'IN_USE', message: /only voter/ });
  t.match((await log.read()).members, { b: { address: 'b:7420' } });
});

t.test('nobody takes its own place: that would only take it away', async (t) => {
  const { log: member, changes } = memberOver(await namedMembers(t, ['alpha', 'b', 'c']));
  await t.rejects(adminOver(member).replaceMember('b', 'b'), { code: 'USAGE', message: /its own place/ });
  t.same([changes, Object.keys((await member.read()).members)], [[], ['alpha', 'b', 'c']]);
});

t.test('a place that is taken is not taken again, and who left none is replaced by nobody', async (t) => {
  const log = await namedMembers(t, ['alpha', 'b', 'c', 'd']);
  const voters = [nodeId('alpha'), nodeId('b')];
  const four: Configuration = { ...CONFIGURATION, voters, learners: [nodeId('c'), nodeId('d')] };
  const { log: member, changes } = memberOver(log, four);
  const admin = adminOver(member);
  t.same((await admin.replaceMember('b', 'c')).voters, ['alpha', 'c']);
  t.same((await admin.replaceMember('b', 'c')).voters, ['alpha', 'c'], 'asked again, it is done');
  const refused = { code: 'NODE_NOT_FOUND', message: /b is no member any more.*`snapcommit cluster add d`/ };
  await t.rejects(admin.replaceMember('b', 'd'), refused, 'there would be one voter more');
  t.equal(changes.length, 2);
  t.same((await admin.replaceMember('c', 'd')).voters, ['alpha', 'd']);
});

t.test('a learner leaves no vote to whoever replaces it: nobody votes more, and it stays', async (t) => {
  const log = await namedMembers(t, ['alpha', 'b', 'c']);
  const { applied: before } = await log.read();
  const refused = { code: 'EXPECTATION_FAILED', message: /b is a learner.*`.* cluster remove b`.*`.* cluster add c`/ };
  const asked: string[] = [];
  const { log: member, changes } = memberOver(log);
  await t.rejects(adminOver(member, (node) => asked.push(node) > 0).replaceMember('b', 'c'), refused);
  t.same([(await log.read()).applied, asked, changes], [before, [], []], 'nothing is appended, or waited for');
});

t.test('who joins anew as a learner while it is replaced keeps its name', async (t) => {
  const log = await namedMembers(t, ['alpha', 'b', 'c']);
  const { applied: before } = await log.read();
  const two: Configuration = { ...CONFIGURATION, voters: [nodeId('alpha'), nodeId('b')], learners: [nodeId('c')] };
  let isFirst = true;
  const over: { log: MemberLog | null } = { log: null };
  const { log: member, changes } = memberOver(log, two, async () => {
    if (!isFirst) return;
    isFirst = false;
    await over.log?.reconfigure(() => ({ voters: ['alpha'], learners: ['b', 'c'] }));
  });
  over.log = member;
  await t.rejects(adminOver(member).replaceMember('b', 'c'), { code: 'EXPECTATION_FAILED', message: /b is a learner/ });
  t.equal(changes.length, 1, 'c votes no more than before');
  const { applied, members } = await log.read();
  t.match(members, { b: { address: 'b:7420' } });
  t.equal(applied, before + 2, 'its name went, and came back');
});

t.test('the addresses of the others are kept beside the log, for when it cannot be read', async (t) => {
  const stateDirectory = temporaryDirectory(t);
  mkdirSync(clusterDirectory(stateDirectory));
  await writeContacts(stateDirectory, { address: 'alpha:7420', members: [] });
  const book = new ContactBook(stateDirectory, await readContacts(stateDirectory), (error) => t.fail(String(error)));
  const peersWith = (state: State | null): ReadonlyMap<string, PeerAddress> => {
    const calls: ReadonlyMap<string, PeerAddress>[] = [];
    const link = new PeerLink({
      identity,
      contacts: book,
      metrics: { calls: {} } as never,
      logger: {} as never,
      clock: systemClock,
      timers: systemTimers,
      settings: { heartbeatMs: 1, unreachableMs: 1 },
    });
    link.attach({ configuration: CONFIGURATION, stateIfAny: state } as never);
    link.connect({ setPeers: (peers: ReadonlyMap<string, PeerAddress>) => void calls.push(peers) } as never);
    void link.end();
    return calls[0] ?? new Map();
  };
  t.equal(peersWith(null).size, 0, 'the founder knows nobody');
  const members = { b: { address: 'b:7420' }, c: { address: 'c:7420' } };
  peersWith({ ...emptyState(1), members });
  peersWith({ ...emptyState(1), members: { ...members, c: { address: 'moved:7421' } } });
  await book.idle();
  const kept = await readContacts(stateDirectory);
  t.same(kept, {
    address: 'alpha:7420',
    members: [
      { node: 'b', address: 'b:7420' },
      { node: 'c', address: 'moved:7421' },
    ],
  });
  t.same(
    [...peersWith(null)],
    [
      ['b', { host: 'b', port: 7420 }],
      ['c', { host: 'moved', port: 7421 }],
    ],
    'it knows whom to ask',
  );
});
