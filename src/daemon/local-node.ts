/**
 * The node as commands and programs on its own machine use it, whichever form its log has: every command's use of
 * coordinator, participant and log. One short method each.
 */
import { lookup } from '../machine/record.js';
import { planTransaction, requireGroup } from '../coordinator/begin.js';
import { capture, requireRecord, type Committed } from '../coordinator/commit.js';
import { append } from '../participant/append.js';
import { exec, type ExecRequest } from '../coordinator/exec.js';
import { isStale } from '../coordinator/open-stale.js';
import { open, type OpenRequest } from '../coordinator/open.js';
import { freeGroup, prune, type PruneRequest, type Pruned } from '../coordinator/prune.js';
import { findGone } from '../coordinator/recover-plan.js';
import { abandonTransaction } from '../coordinator/recover-steps.js';
import { recover } from '../coordinator/recover.js';
import type { CommitRequest, RestoreRequest, TransactRequest } from '../coordinator/requests.js';
import { planRestore, restore } from '../coordinator/restore.js';
import { planTransact, transact } from '../coordinator/transact.js';
import { SnapcommitError } from '../errors.js';
import type { GroupRecord, Operation } from '../machine/entry.js';
import { liveGenerations } from '../machine/queries.js';
import type { State } from '../machine/state.js';
import type { Context } from '../participant/context.js';
import { assertStamps } from '../participant/stamps.js';
import { addVolume } from './add-volume.js';
import { afterOthers } from './after-others.js';
import { withCourtesy } from './courtesy.js';
import { diffGenerations } from './diff.js';
import {
  dryRunReport,
  generationReport,
  groupReport,
  groupReports,
  holdReports,
  recoverReport,
  volumeReport,
  volumeReports,
} from './documents.js';
import { drainReport } from './drain.js';
import { changeGroup, normaliseGroup } from './groups.js';
import { moveVolume } from './move-volume.js';
import type {
  AddVolumeRequest,
  AddVolumeTreeRequest,
  GenerationName,
  MoveVolumeRequest,
  SnapcommitNode,
} from './node.js';
import { transactionReports, type OtherNodes } from './open-transactions.js';
import type { RecoverableNodes } from './recover-cluster.js';
import { assertOwn, removeVolume, requireVolume } from './remove-volume.js';
import type * as reports from './reports.js';
import { shown, shownGeneration } from './shown.js';
import { statusReport } from './status.js';
import { verifyGenerations } from './verify.js';

export class LocalNode implements SnapcommitNode {
  readonly #context: Context;
  /** The cluster's other nodes; null: this log is of one node alone, or only this node is meant. */
  readonly #others: (OtherNodes & RecoverableNodes) | null;

  constructor(context: Context, others: (OtherNodes & RecoverableNodes) | null = null) {
    this.#context = context;
    this.#others = others;
  }

  async #read(leaving: string | null = null): Promise<State> {
    const state = await this.#context.log.read();
    // It is behind the disks' stamps, and nothing is written after it.
    if (isStale(this.#context)) return state;
    await assertStamps(this.#context.files, state, this.#context.log, leaving);
    return state;
  }

  /** Appends what no transaction does. Not to a log that is an older copy (D9), nor, but for `leaving`, beside another's. */
  async #change(operation: Operation, leaving: string | null = null): Promise<void> {
    await this.#read(leaving);
    await append(this.#context, operation);
  }

  async addVolume(request: AddVolumeRequest): Promise<reports.VolumeReport> {
    const { name } = await addVolume(this.#context, request);
    return shown(`volume ${name} is added`, `volume show ${name}`, async () => this.volume(name));
  }

  async addVolumeTree(request: AddVolumeTreeRequest): Promise<reports.VolumeTreeReport> {
    await this.#read();
    const { addVolumeTree } = await import('./add-volume-tree.js');
    return addVolumeTree(this.#context, request);
  }

  async moveVolume(request: MoveVolumeRequest): Promise<reports.VolumeReport> {
    await this.#read(request.name);
    await moveVolume(this.#context, request);
    const { name } = request;
    return shown(`volume ${name} is moved`, `volume show ${name}`, async () => this.volume(name));
  }

  async volumes(): Promise<readonly reports.VolumeReport[]> {
    return volumeReports(await this.#read());
  }

  async volume(name: string): Promise<reports.VolumeReport> {
    const state = await this.#read();
    return volumeReport(state, requireVolume(state, name));
  }

  async removeVolume(name: string): Promise<void> {
    assertOwn(await this.#read(name), name, this.#context.self.node);
    await removeVolume(this.#context, name, () => this.#change({ type: 'removeVolume', volume: name }, name));
  }

  async forfeitVolume(name: string): Promise<void> {
    await this.#change({ type: 'forfeitVolume', volume: name }, name);
  }

  async createGroup(group: GroupRecord): Promise<reports.GroupReport> {
    await this.#change({ type: 'createGroup', group: await normaliseGroup(this.#context, group, group) });
    return shown(`group ${group.name} is made`, `group show ${group.name}`, async () => this.group(group.name));
  }

  async updateGroup(name: string, change: Partial<Omit<GroupRecord, 'name'>>): Promise<reports.GroupReport> {
    await changeGroup(this.#context, name, change, async () => this.#read());
    return shown(`group ${name} is changed`, `group show ${name}`, async () => this.group(name));
  }

  async groups(): Promise<readonly reports.GroupReport[]> {
    return groupReports(await this.#read());
  }

  async group(name: string): Promise<reports.GroupReport> {
    const state = await this.#read();
    return groupReport(state, requireGroup(state, name));
  }

  async removeGroup(name: string, withGenerations: boolean): Promise<void> {
    const generations = withGenerations ? liveGenerations(requireGroup(await this.#read(), name)) : [];
    await this.#change({ type: 'removeGroup', group: name, generations });
    await freeGroup(this.#context, name, new Set(generations));
  }

  async commit(request: CommitRequest, wait: boolean): Promise<reports.GenerationReport> {
    return this.#transaction(request, wait, async () => capture(this.#context, request));
  }

  async transact(request: TransactRequest, wait: boolean): Promise<reports.GenerationReport> {
    return this.#transaction(request, wait, async () => transact(this.#context, request));
  }

  async restore(request: RestoreRequest, wait: boolean): Promise<reports.GenerationReport> {
    return this.#transaction(request, wait, async () => restore(this.#context, request));
  }

  async #transaction(
    request: CommitRequest,
    wait: boolean,
    run: () => Promise<Committed>,
  ): Promise<reports.GenerationReport> {
    const context = this.#context;
    requireGroup(await context.log.read(), request.group);
    const waiting = wait ? { signal: request.signal } : null;
    const inTurn = async (): Promise<Committed> => afterOthers(context, waiting, run);
    const { record } = await withCourtesy(context, request.group, waiting, inTurn);
    return shownGeneration(context, record);
  }

  async commitDryRun(request: CommitRequest): Promise<reports.DryRunReport> {
    const plan = await planTransaction(this.#context, 'capture', request);
    return dryRunReport(plan, plan.reachable);
  }

  async transactDryRun(request: TransactRequest): Promise<reports.DryRunReport> {
    const plan = await planTransact(this.#context, request);
    return dryRunReport(plan, plan.reachable);
  }

  async restoreDryRun(request: RestoreRequest): Promise<reports.DryRunReport> {
    const { plan, source } = await planRestore(this.#context, request);
    return dryRunReport(plan, source.manifest.consistency.grade);
  }

  async list(group: string): Promise<readonly reports.GenerationReport[]> {
    const state = await this.#read();
    requireGroup(state, group);
    const records = await this.#context.log.generations(group);
    return Promise.all(records.map(async (record) => generationReport(this.#context, state, record)));
  }

  async show(name: GenerationName): Promise<reports.GenerationReport> {
    const state = await this.#read();
    requireGroup(state, name.group);
    return generationReport(this.#context, state, await requireRecord(this.#context, name.group, name.generation));
  }

  async open(request: OpenRequest): Promise<reports.OpenReport> {
    const { record, view, volumes } = await open(this.#context, request);
    return { group: record.group, generation: record.generation, view, volumes };
  }

  async exec(request: ExecRequest): Promise<number> {
    return exec(this.#context, request);
  }

  async diff(group: string, from: number, to: number): Promise<reports.DiffReport> {
    return diffGenerations(this.#context, group, from, to);
  }

  async verify(group: string | null, generation: number | null): Promise<reports.VerifyReport> {
    const state = await this.#read();
    const groups = group === null ? Object.keys(state.groups).sort() : [requireGroup(state, group).record.name];
    return verifyGenerations(this.#context, state, this.#others, groups, generation);
  }

  async transactions(): Promise<readonly reports.TransactionReport[]> {
    const state = await this.#read();
    const gone = new Set((await findGone(this.#context, state)).map(({ begin }) => begin.transaction));
    return transactionReports(state, gone, this.#others, this.#context.clock.now());
  }

  async transaction(id: string): Promise<reports.TransactionReport> {
    const found = (await this.transactions()).find((report) => report.transaction === id);
    if (found !== undefined) return found;
    throw new SnapcommitError(
      'TRANSACTION_NOT_FOUND',
      `there is no transaction ${id}; \`snapcommit transaction list\` shows the newest.`,
      { transaction: id },
    );
  }

  async abortTransaction(id: string): Promise<reports.TransactionReport> {
    const open = lookup((await this.#read()).open, id);
    if (open === undefined) {
      const { state } = await this.transaction(id);
      const message = `transaction ${id} is ${state} already; there is nothing to abort.`;
      throw new SnapcommitError('EXISTS', message, { transaction: id, state });
    }
    await abandonTransaction(this.#context, open, () => true, true).act();
    await this.recover(false);
    return this.transaction(id);
  }

  async addHold({ group, generation }: GenerationName, tag: string): Promise<void> {
    await this.#change({ type: 'addHold', group, generation, tag });
  }

  async releaseHold({ group, generation }: GenerationName, tag: string): Promise<void> {
    await this.#change({ type: 'releaseHold', group, generation, tag });
  }

  async holds(group: string): Promise<readonly reports.HoldReport[]> {
    const state = await this.#read();
    return holdReports(state, requireGroup(state, group));
  }

  async prune(request: PruneRequest): Promise<Pruned> {
    return prune(this.#context, request);
  }

  async drainNode(node: string): Promise<reports.DrainReport> {
    await this.#change({ type: 'drainNode', node });
    return shown(`node ${node} is drained`, 'cluster status', async () => drainReport(await this.#read(), node));
  }

  async undrainNode(node: string): Promise<reports.DrainReport> {
    await this.#change({ type: 'undrainNode', node });
    return shown(`node ${node} takes part`, 'cluster status', async () => drainReport(await this.#read(), node));
  }

  async recover(dryRun: boolean, localOnly = false): Promise<reports.RecoverReport> {
    if (this.#others === null || localOnly) return recover(this.#context, dryRun);
    const { recoverCluster } = await import('./recover-cluster.js');
    return recoverReport(await recoverCluster(this.#context, this.#others, dryRun));
  }

  async status(): Promise<reports.StatusReport> {
    return statusReport(this.#context, await this.#read(), this.#others);
  }

  freshness(): reports.Freshness {
    const asOfSlot = this.#context.log.staleSlot ?? null;
    return { stale: asOfSlot !== null, asOfSlot };
  }

  async exportLog(): Promise<unknown> {
    const { exportLog } = await import('./rebuild/export.js');
    return exportLog(this.#context.log);
  }

  close(): void {
    this.#context.log.close();
  }
}
