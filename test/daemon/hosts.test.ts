/** What a node tells and does about several hosts: moved disks, local volumes, open transactions, verification elsewhere. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openTransactionReports, type OtherNodes } from '#src/daemon/open-transactions.js';
import { tellingPhases } from '#src/daemon/participants/phase-teller.js';
import type { PhaseReport, PhaseTold } from '#src/daemon/participants/protocol.js';
import { initNode, openNode, type SnapcommitNode } from '#src/index.js';
import { SnapcommitError } from '#src/errors.js';
import { ScriptMachine } from '../machine/support/script-machine.js';
import { id } from '../machine/support/parse.js';
import { temporaryDirectory } from '../support/temp.js';

interface World {
  readonly node: SnapcommitNode;
  readonly root: string;
  readonly source: string;
}

/** A node with one directory volume in one group, and one generation of it. */
async function world(t: Test): Promise<World> {
  const root = temporaryDirectory(t, 'hosts');
  const stateDirectory = join(root, 'state');
  const source = join(root, 'disk', 'db');
  mkdirSync(source, { recursive: true });
  writeFileSync(join(source, 'rows'), 'one');
  await initNode({ stateDirectory, node: 'a' });
  const node = await openNode({ stateDirectory });
  t.teardown(() => {
    node.close();
  });
  await node.addVolume({ name: 'db', source, driver: 'directory', publishDirectory: null });
  const none: readonly string[] = [];
  const targets = { freezeCgroups: none, freezeUnits: none, stopUnits: none, preHooks: none, postHooks: none };
  await node.createGroup({ name: 'app', volumes: ['db'], require: null, stallLimitMs: 5000, ...targets });
  await commit(node);
  return { node, root, source };
}

async function commit(node: SnapcommitNode): Promise<number> {
  const asked = { message: '', labels: {}, require: null, expectGeneration: null, requestId: null };
  return (await node.commit({ group: 'app', ...asked, signal: new AbortController().signal }, false)).generation;
}

t.test('a moved volume is read and committed where it is now, and its publish directory travels with it', async (t) => {
  const { node, root } = await world(t);
  renameSync(join(root, 'disk'), join(root, 'elsewhere'));
  const source = join(root, 'elsewhere', 'db');
  const move = { name: 'db', source, publishDirectory: null };
  t.match(await node.moveVolume(move), { source, publishDirectory: join(root, 'elsewhere', '.snapcommit', 'db') });
  t.match(await node.moveVolume(move), { source }, 'twice is once');
  const opened = await node.open({ group: 'app', generation: null, hold: null, localOnly: true });
  t.equal(readFileSync(join(opened.volumes['db']?.path ?? '', 'rows'), 'utf8'), 'one');
  t.equal(readFileSync(join(opened.view, 'db', 'tree', 'rows'), 'utf8'), 'one', 'the view shows it');
  t.match(await node.verify(null, null), { generations: 1, problems: [], notAsked: [] });
  t.equal(await commit(node), 2);
});

t.test('T11 another tree, another directory and a disk without our mark are not taken for the volume', async (t) => {
  const { node, root, source } = await world(t);
  const other = join(root, 'disk', 'other');
  mkdirSync(other);
  await t.rejects(node.moveVolume({ name: 'db', source: other, publishDirectory: null }), { code: 'SOURCE_INVALID' });
  const publishDirectory = join(root, 'disk', 'empty');
  await t.rejects(node.moveVolume({ name: 'db', source, publishDirectory }), {
    code: 'SOURCE_INVALID',
    message: /\.stamp is missing/,
  });
  mkdirSync(publishDirectory);
  const copied = join(root, 'disk', '.snapcommit', 'db');
  renameSync(join(copied, '.stamp'), join(publishDirectory, '.stamp'));
  await t.rejects(node.moveVolume({ name: 'db', source, publishDirectory }), {
    code: 'SOURCE_INVALID',
    details: { missing: ['app@1'] },
  });
  t.match(await node.volume('db'), { source }, 'nothing changed');
});

t.test('a log that is no cluster has no node to drain', async (t) => {
  const { node } = await world(t);
  await t.rejects(node.drainNode('a'), { code: 'NODE_NOT_FOUND' });
});

function othersWith(phases: () => Promise<readonly PhaseReport[]>): OtherNodes {
  return { of: () => ({ phases, verify: async () => Promise.resolve([]) }) };
}

const OPEN = `
  addVolume db node=a
  addVolume wal node=b
  createGroup app volumes=db,wal
  begin t1 app node=b at=5000
`;

t.test('G7 an open transaction is told with its phase, and with who has not done its part since when', async (t) => {
  const { state } = new ScriptMachine(OPEN);
  const hosts = [
    { node: 'a', phase: 'stage: done', since: 6000 },
    { node: 'b', phase: 'stage', since: 7000 },
  ];
  const told = othersWith(async () => Promise.resolve([{ transaction: id('t1'), phase: 'stage', since: 6000, hosts }]));
  const [report] = await openTransactionReports(state, told, 9000);
  t.match(report, {
    transaction: 't1',
    coordinator: { node: 'b' },
    phase: 'stage',
    waitingFor: [{ node: 'b', phase: 'stage', sinceMs: 2000 }],
    unknownBecause: null,
  });
  t.equal(report?.waitingFor.length, 1);
});

t.test('G7 a coordinator that cannot be asked is told as such, with the reason', async (t) => {
  const { state } = new ScriptMachine(OPEN);
  const away = othersWith(async () => Promise.reject(new SnapcommitError('UNAVAILABLE', 'node b is out of reach')));
  const [report] = await openTransactionReports(state, away, 9000);
  t.match(report, { phase: null, waitingFor: [], unknownBecause: 'node b is out of reach' });
  t.match(await openTransactionReports(state, null, 9000), [{ phase: null, unknownBecause: null }]);
});

t.test('what a coordinator reports is told with its transaction, host by host', (t) => {
  const told: PhaseTold[] = [];
  const seen: string[] = [];
  const report = tellingPhases({ tellPhase: (phase) => told.push(phase) }, ({ kind }) => seen.push(kind));
  report({ kind: 'phase', phase: 'survey', subject: 'app' });
  t.same(told, [], 'nothing is told before there is a transaction');
  report({ kind: 'transaction', transaction: id('t1') });
  report({ kind: 'host', node: 'a', phase: 'freeze' });
  report({ kind: 'host', node: 'b', phase: 'freeze' });
  report({ kind: 'host', node: 'a', phase: 'freeze: done' });
  report({ kind: 'warning', message: 'slow' });
  t.same(told.at(-1), { transaction: 't1', phase: 'freeze', hosts: { a: 'freeze: done', b: 'freeze' } });
  t.equal(told.length, 4);
  t.equal(seen.length, 6, 'people hear of everything');
  t.end();
});
