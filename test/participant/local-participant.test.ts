/** One node's part in transactions, over memory volumes: what a later transaction relies on, and what an earlier one owes. */
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createMemoryDriver, type MemoryDriver } from '#src/adapters/driver-memory/index.js';
import { createMemoryNodeFiles } from '#src/adapters/node-files-memory.js';
import { contextOver } from '#src/daemon/compose.js';
import type { Operation, Slot, TransactionId, TransactionMode } from '#src/machine/entry.js';
import { readClosed, reopenClosed } from '#src/participant/closed-trees.js';
import type { Context } from '#src/participant/context.js';
import { LocalParticipant } from '#src/participant/local-participant.js';
import { readDebts, recordDebt } from '#src/participant/owed.js';
import type { Work } from '#src/ports/participant.js';
import { freshDirectory, freshLog } from '../log/support.js';

const SOURCE = '/live/db';
const PUBLISH = '/published/db';

class Node {
  readonly context: Context;
  readonly participant: LocalParticipant;
  readonly driver: MemoryDriver;
  /** Hooks in the order in which they ran: `pre t1`. */
  readonly hooked: string[] = [];
  #begun = 0;

  private constructor(context: Context, driver: MemoryDriver) {
    const hooked = this.hooked;
    const files = createMemoryNodeFiles();
    for (const directory of [PUBLISH, join(context.stateDirectory, 'owed')]) files.addDirectory(directory);
    this.driver = driver;
    this.context = {
      ...context,
      files,
      driver: async () => Promise.resolve(driver),
      treeUsers: async () => Promise.resolve({ find: async () => Promise.resolve([]) }),
      hooks: async () =>
        Promise.resolve({
          check: async () => Promise.resolve(),
          run: async (_file, { phase, transaction }) => {
            hooked.push(`${phase} ${transaction}`);
            return Promise.resolve();
          },
        }),
    };
    this.participant = new LocalParticipant(this.context);
  }

  static async make(t: Test, preHooks: readonly string[] = []): Promise<Node> {
    const { log } = await freshLog(t);
    const driver = createMemoryDriver();
    driver.world.addVolume(SOURCE, { file: 'content' });
    const node = new Node(contextOver(log, { stateDirectory: freshDirectory(t) }), driver);
    const place = { name: 'db', source: SOURCE, publishDirectory: PUBLISH };
    await driver.prepare(place);
    // Of a cluster: only there what is closed is noted.
    await node.append({ type: 'putMember', node: 'alpha', address: 'alpha:7420' });
    await node.append({ type: 'addVolume', volume: { ...place, node: 'alpha', driver: 'memory', filesystem: 'f' } });
    const record = { freezeCgroups: [], freezeUnits: [], stopUnits: [], require: null, stallLimitMs: 5000 };
    const group = { name: 'app', volumes: ['db'], ...record, preHooks, postHooks: preHooks };
    await node.append({ type: 'createGroup', group });
    return node;
  }

  async append(operation: Operation): Promise<Slot> {
    const result = await this.context.log.append(operation);
    if (result.status !== 'chosen' || !result.outcome.ok) throw new Error(JSON.stringify(result));
    return result.slot;
  }

  async begin(mode: TransactionMode): Promise<Work> {
    this.#begun += 1;
    const transaction = `01h0000000000000000000000${String(this.#begun)}` as TransactionId;
    const live = this.driver.world.image(SOURCE).live.id;
    const slot = await this.append({
      type: 'begin',
      transaction,
      mode,
      group: 'app',
      members: [{ volume: 'db', node: 'alpha', driver: 'memory', base: live }],
      freezeTargets: [],
      coordinator: this.context.self,
      deadline: 1,
      expectGeneration: null,
      sourceGeneration: null,
      message: '',
      labels: {},
    });
    return { transaction, epoch: { incarnation: 1, slot } };
  }

  async abort({ transaction, epoch }: Work): Promise<void> {
    await this.append({ type: 'abort', transaction, epoch, code: 'ABORTED', reason: 'for a test' });
  }

  async close(work: Work): Promise<void> {
    await this.participant.clone(work);
    await this.participant.seal(work);
    await this.participant.close(work);
  }

  get isReadOnly(): boolean {
    return this.driver.world.image(SOURCE).live.readOnly;
  }
}

t.test('T7 a note of an aborted swap opens no tree that a later swap has closed', async (t) => {
  const node = await Node.make(t);
  const first = await node.begin('transact');
  await node.close(first);
  t.ok(node.isReadOnly);
  // As whoever took it over leaves it when it is killed before it has forgotten the note.
  const [note] = await readClosed(node.context);
  if (note === undefined) throw new Error('nothing was noted');
  await node.driver.setLiveReadOnly({ name: 'db', source: SOURCE, publishDirectory: PUBLISH }, false);
  await node.abort(first);
  await node.participant.leave(first);
  const second = await node.begin('transact');
  await node.close(second);
  await reopenClosed(node.context, note);
  t.ok(node.isReadOnly, 'the second swap has looked for users, and nobody may write any more');
  t.same(
    (await readClosed(node.context)).map(({ transaction }) => transaction),
    [second.transaction],
  );
  await node.abort(second);
  for (const closed of await readClosed(node.context)) await reopenClosed(node.context, closed);
  t.notOk(node.isReadOnly, 'and its own note opens it');
});

t.test('G13 who did not run the pre-hooks itself takes no part in a cut that claims them', async (t) => {
  const node = await Node.make(t, ['/etc/hook']);
  const work = await node.begin('capture');
  await node.participant.quiesce(work);
  const restarted = new LocalParticipant(node.context);
  await t.rejects(restarted.prepare({ ...work, round: 1 }), { code: 'HOOK_FAILED', message: /was restarted/ });
  await node.participant.prepare({ ...work, round: 1 });
  await node.participant.endRound({ ...work, round: 1 });
});

t.test(
  'T16 what an earlier transaction owes is run before the next one quiesces, not in the middle of its cut',
  async (t) => {
    const node = await Node.make(t, ['/etc/hook']);
    const first = await node.begin('capture');
    await node.participant.quiesce(first);
    await node.abort(first);
    const second = await node.begin('capture');
    await new LocalParticipant(node.context).quiesce(second);
    t.same(node.hooked, [`pre ${first.transaction}`, `post ${first.transaction}`, `pre ${second.transaction}`]);
    t.same(
      (await readDebts(node.context)).map(({ transaction }) => transaction),
      [second.transaction],
    );
  },
);

t.test(
  'L2 T6 a coordinator that was taken over neither wakes the application nor lets go of what is another’s',
  async (t) => {
    const node = await Node.make(t, ['/etc/hook']);
    const { transaction, epoch } = await node.begin('capture');
    const debt = { transaction, group: 'app', postHooks: ['/etc/hook'], startUnits: [], volumes: [] };
    await recordDebt(node.context, debt);
    await node.append({ type: 'takeOver', transaction, coordinator: node.context.self });
    t.equal(await node.participant.resume({ transaction, epoch }, 'staged'), false);
    t.same(node.hooked, []);
    await t.rejects(node.participant.prepare({ transaction, epoch, round: 1 }), { code: 'STALE_EPOCH' });
  },
);
