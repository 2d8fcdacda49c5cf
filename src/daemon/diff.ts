/** `diff`: what differs between two generations, of the volumes that this node has. */
import { realpath } from 'node:fs/promises';
import { lookup } from '../machine/record.js';
import { requireRecord } from '../coordinator/commit.js';
import { open } from '../coordinator/open.js';
import type { Context } from '../participant/context.js';
import { diffTrees } from '../participant/tree-diff.js';
import type { DiffReport } from './reports.js';

export async function diffGenerations(context: Context, group: string, from: number, to: number): Promise<DiffReport> {
  const before = await open(context, { group, generation: from, hold: null });
  const after = await open(context, { group, generation: to, hold: null });
  const volumes: Record<string, { added: string[]; changed: string[]; removed: string[] }> = {};
  for (const [name, { path }] of Object.entries(before.volumes)) {
    const other = lookup(after.volumes, name)?.path ?? null;
    if (path === null || other === null) continue;
    const found = { added: [] as string[], changed: [] as string[], removed: [] as string[] };
    for await (const entry of diffTrees(await treeAt(path), await treeAt(other))) found[entry.kind].push(entry.path);
    volumes[name] = found;
  }
  // Nothing pins what a comparison reads. Retiring comes before deleting, so what is live now was whole until now.
  await requireRecord(context, group, from);
  await requireRecord(context, group, to);
  return { group, from, to, volumes };
}

/** What a link of ours leads to, as those of ZFS do; a tree that is gone is told by the comparison. */
async function treeAt(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}
