/** A group's record before it goes into the log: cgroup paths in one form, hooks that may be run. */
import { SnapcommitError } from '../errors.js';
import type { GroupRecord } from '../machine/entry.js';
import { isName, nameProblem } from '../machine/names.js';
import type { Context } from '../participant/context.js';

/** Resolves and checks what the record names on this machine: cgroups and hooks. Units are looked up at each commit. */
export async function normaliseGroup(context: Context, group: GroupRecord): Promise<GroupRecord> {
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
  return { ...group, freezeCgroups: await resolveCgroups(context, group.freezeCgroups) };
}

async function resolveCgroups(context: Context, cgroups: readonly string[]): Promise<readonly string[]> {
  if (cgroups.length === 0) return [];
  const targets = await (await context.writers()).resolve(cgroups, []);
  return targets.map((target) => target.cgroup);
}
