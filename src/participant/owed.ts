/**
 * What this node owes after a cut or a swap, whatever happens to us: post-hooks, and units to start again. The debt is
 * on disk before a pre-hook runs or a unit stops, and is paid at least once, by recovery if need be (T16).
 */
import { join } from 'node:path';
import { SnapcommitError } from '../errors.js';
import { lookup } from '../machine/record.js';
import type { State } from '../machine/state.js';
import type { Context } from './context.js';
import { debtLock, withFence } from './fence.js';

export interface Debt {
  readonly transaction: string;
  readonly group: string;
  readonly postHooks: readonly string[];
  readonly startUnits: readonly string[];
  readonly volumes: readonly { readonly name: string; readonly source: string }[];
}

const NONE: ReadonlySet<string> = new Set();
const SYSTEMCTL = '/usr/bin/systemctl';

export function debtDirectory(stateDirectory: string): string {
  return join(stateDirectory, 'owed');
}

export async function recordDebt(context: Context, debt: Debt): Promise<void> {
  const path = join(debtDirectory(context.stateDirectory), `${debt.transaction}.json`);
  await context.files.writeDurably(path, JSON.stringify(debt));
}

/** Every debt on disk. A file that cannot be read is reported and kept. */
export async function readDebts(context: Context): Promise<readonly Debt[]> {
  const directory = debtDirectory(context.stateDirectory);
  const names = await context.files.listNames(directory);
  const debts: Debt[] = [];
  for (const name of names.filter((entry) => entry.endsWith('.json')).sort()) {
    try {
      const text = await context.files.readText(join(directory, name));
      // Gone since it was listed: somebody has paid it.
      if (text !== null) debts.push(debtOf(JSON.parse(text)));
    } catch {
      context.report({ kind: 'warning', message: `cannot read ${join(directory, name)}; look at it by hand` });
    }
  }
  return debts;
}

/** What this transaction owes here, or null. */
export async function readDebt(context: Context, transaction: string): Promise<Debt | null> {
  return (await readDebts(context)).find((debt) => debt.transaction === transaction) ?? null;
}

/** Whether this debt may be paid now: its transaction is over here, and no other one of its group has begun. */
export function isPayable(context: Context, state: State, debt: Debt, aborting: ReadonlySet<string> = NONE): boolean {
  const isOver = lookup(state.open, debt.transaction) === undefined || aborting.has(debt.transaction);
  const isGroupBusy = Object.values(state.open).some(
    ({ begin }) =>
      begin.group === debt.group && !aborting.has(begin.transaction) && begin.transaction !== debt.transaction,
  );
  // Until its swap is published here the live trees may be a mix, and units would be started on it.
  const isHalfSwapped = Object.values(state.pending).some(
    ({ record, nodes }) => record.transaction === debt.transaction && nodes.includes(context.self.node),
  );
  return isOver && !isGroupBusy && !isHalfSwapped;
}

/**
 * Pays what earlier transactions of the group owe, before a new one quiesces it: paid later, an old post-hook would wake the
 * application in the middle of the new cut. What cannot be paid now is paid when no transaction of the group is open.
 */
export async function payEarlier(context: Context, group: string, transaction: string): Promise<void> {
  const earlier = (await readDebts(context)).filter((debt) => debt.group === group && debt.transaction !== transaction);
  if (earlier.length === 0) return;
  await withFence(context, debtLock(group), async () => {
    const state = await context.log.read();
    for (const debt of await readDebts(context)) {
      if (debt.group !== group || lookup(state.open, debt.transaction) !== undefined) continue;
      if (debt.transaction === transaction) continue;
      await payDebt(context, debt, 'recovered', true).catch((error: unknown) => {
        const why = error instanceof Error ? error.message : String(error);
        context.report({ kind: 'warning', message: `transaction ${debt.transaction} still owes its hooks: ${why}` });
      });
    }
  });
}

/** @throws TypeError when it is no debt: we wrote it, but somebody may have edited it. */
function debtOf(value: unknown): Debt {
  const { transaction, group, postHooks, startUnits, volumes } = value as Partial<Record<keyof Debt, unknown>>;
  const isSound =
    typeof transaction === 'string' &&
    typeof group === 'string' &&
    [postHooks, startUnits].every((list) => Array.isArray(list) && list.every((item) => typeof item === 'string')) &&
    Array.isArray(volumes);
  if (!isSound) throw new TypeError('not a debt');
  return value as Debt;
}

/**
 * Runs the post-hooks and starts the units, then forgets the debt. All are tried; rejects with the first failure.
 * `awaitsUnits` false: the service manager is told to start them, and not waited for.
 */
export async function payDebt(
  context: Context,
  debt: Debt,
  outcome: string,
  recovered: boolean,
  awaitsUnits = true,
): Promise<void> {
  let failure: unknown = null;
  for (const file of debt.postHooks) {
    try {
      const hooks = await context.hooks();
      const { transaction, group, volumes } = debt;
      await hooks.run(
        file,
        { group, transaction, phase: 'post', outcome, recovered, volumes },
        context.settings.hookTimeoutMs,
      );
    } catch (error) {
      failure ??= error;
    }
  }
  for (const unit of debt.startUnits) {
    try {
      await controlUnit(context, 'start', unit, awaitsUnits);
    } catch (error) {
      failure ??= error;
    }
  }
  if (failure !== null)
    throw failure instanceof Error ? failure : new SnapcommitError('HOOK_FAILED', 'a post-hook failed');
  await context.files.removeDurably(join(debtDirectory(context.stateDirectory), `${debt.transaction}.json`));
}

const STANDS_STILL = new Set(['inactive', 'failed', 'unknown']);

/** Those of the units that run now: what did not run before is not started afterwards. In doubt a unit counts as running. */
export async function runningUnits(context: Context, units: readonly string[]): Promise<readonly string[]> {
  const runner = await context.runner();
  const states = await Promise.all(
    units.map(async (unit) => {
      const asked = await runner
        .run(SYSTEMCTL, ['is-active', '--', unit], { timeoutMs: context.settings.hookTimeoutMs })
        .catch(() => null);
      return { unit, state: asked?.stdout.trim() ?? '' };
    }),
  );
  return states.filter(({ state }) => !STANDS_STILL.has(state)).map(({ unit }) => unit);
}

/** Starts or stops a systemd unit, and waits until it has, unless told otherwise. */
export async function controlUnit(
  context: Context,
  verb: 'start' | 'stop',
  unit: string,
  isAwaited = true,
): Promise<void> {
  const runner = await context.runner();
  const words = [verb, ...(isAwaited ? [] : ['--no-block']), '--', unit];
  const result = await runner.run(SYSTEMCTL, words, { timeoutMs: context.settings.hookTimeoutMs });
  if (result.status === 0) return;
  throw new SnapcommitError('HOOK_FAILED', `systemctl ${verb} ${unit} failed: ${result.stderr.trim()}`, { unit });
}
