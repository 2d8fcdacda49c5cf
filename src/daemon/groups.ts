/** A group's record before it goes into the log: freeze targets in one form and with their node, hooks that may be run. */
import { requireGroup } from '../coordinator/begin.js';
import { SnapcommitError } from '../errors.js';
import type { GroupRecord } from '../machine/entry.js';
import {
  CGROUP_LAW,
  formatTarget,
  parseCgroupTarget,
  parseUnitTarget,
  UNIT_LAW,
  type FreezeTargetName,
} from '../machine/freeze-targets.js';
import { isName, nameProblem } from '../machine/names.js';
import type { State } from '../machine/state.js';
import { append } from '../participant/append.js';
import type { Context } from '../participant/context.js';

/**
 * Resolves and checks what the record names on this machine: cgroups and hooks. Units are looked up at each commit, and what
 * another node freezes is looked up there. In a cluster a target that `given` names without a node is this node's; one that
 * stood in the record before stays as it is.
 */
export async function normaliseGroup(context: Context, group: GroupRecord, given: GivenTargets): Promise<GroupRecord> {
  if (!isName(group.name))
    throw new SnapcommitError('NAME_INVALID', nameProblem('group', group.name), { group: group.name });
  if (!Number.isSafeInteger(group.stallLimitMs) || group.stallLimitMs < 1) {
    throw new SnapcommitError('USAGE', `the stall limit must be at least 1 ms, not ${String(group.stallLimitMs)} ms.`);
  }
  const hooks = [...group.preHooks, ...group.postHooks];
  if (hooks.length > 0) {
    const checker = await context.hooks();
    for (const file of hooks) await checker.check(file);
  }
  const freezeCgroups = given.freezeCgroups && (await normaliseCgroups(context, given.freezeCgroups));
  const freezeUnits = given.freezeUnits && (await normaliseUnits(context, given.freezeUnits));
  return { ...group, ...(freezeCgroups && { freezeCgroups }), ...(freezeUnits && { freezeUnits }) };
}

/** How often a change is made, where somebody else was quicker each time. */
const CHANGE_TRIES = 10;

/** Changes only what is given, whatever else others change meanwhile: theirs stays. */
export async function changeGroup(
  context: Context,
  name: string,
  change: Partial<Omit<GroupRecord, 'name'>>,
  read: () => Promise<State>,
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const { record: replaces } = requireGroup(await read(), name);
    const group = await normaliseGroup(context, { ...replaces, ...change }, change);
    try {
      await append(context, { type: 'updateGroup', group, replaces });
      return;
    } catch (error) {
      const isLate = error instanceof SnapcommitError && error.code === 'EXPECTATION_FAILED';
      if (!isLate || tries === CHANGE_TRIES) throw error;
    }
  }
}

type GivenTargets = Partial<Pick<GroupRecord, 'freezeCgroups' | 'freezeUnits'>>;

async function normaliseCgroups(context: Context, texts: readonly string[]): Promise<readonly string[]> {
  const targets = texts.map((text) => parsed(text, parseCgroupTarget(text), CGROUP_LAW));
  const self = await implicitNode(context, targets);
  const resolved = new Map<string, string>();
  for (const { node, target } of targets) {
    if (node !== null && node !== context.self.node) continue;
    const [found] = await (await context.writers()).resolve([target], []);
    if (found !== undefined) resolved.set(target, found.cgroup);
  }
  return distinct(
    targets.map(({ node, target }) => {
      const isOwn = node === null || node === context.self.node;
      return formatTarget({ node: node ?? self, target: (isOwn ? resolved.get(target) : undefined) ?? target });
    }),
  );
}

async function normaliseUnits(context: Context, texts: readonly string[]): Promise<readonly string[]> {
  const targets = texts.map((text) => parsed(text, parseUnitTarget(text), UNIT_LAW));
  const self = await implicitNode(context, targets);
  return distinct(targets.map(({ node, target }) => formatTarget({ node: node ?? self, target })));
}

function parsed(text: string, target: FreezeTargetName | null, law: string): FreezeTargetName {
  if (target !== null) return target;
  throw new SnapcommitError('USAGE', `${JSON.stringify(text)} is nothing to freeze; write ${law}.`, { target: text });
}

/** Whom a target without a node means: in a cluster this node; a log that is none has one node, which needs no name. */
async function implicitNode(context: Context, targets: readonly FreezeTargetName[]): Promise<string | null> {
  if (targets.length === 0) return null;
  const { members } = await context.log.read();
  const self = context.self.node;
  const isCluster = Object.keys(members).length > 0;
  const foreign = targets.find(({ node }) => node !== null && node !== self)?.node ?? null;
  if (isCluster || foreign === null) return isCluster ? self : null;
  throw new SnapcommitError(
    'NODE_NOT_FOUND',
    `there is no node ${foreign}: this log is no cluster, and its one node is ${self}. A unit with a colon in its own name is written with a colon in front.`,
    { node: foreign },
  );
}

function distinct(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)];
}
