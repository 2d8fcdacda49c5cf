/**
 * `commit --if-older-than`: for jobs that are retried, and that run on several nodes. What makes a second commit needless is
 * that there is one already, so it is looked for; a request id could not tell, since systemd gives each try a new
 * invocation, and since what was aborted under an id stays aborted under it.
 */
import { SnapcommitError } from '../errors.js';
import type { CommitRequest, GenerationReport, SnapcommitNode } from '../index.js';

export interface CommittedIfOlder {
  readonly generation: GenerationReport;
  /** false: it stood there before, and is young enough. */
  readonly isNew: boolean;
}

/** The group's newest generation where it is younger than `ageMs`, otherwise a new one. Two that ask at once get the same. */
export async function commitIfOlder(
  node: SnapcommitNode,
  request: CommitRequest,
  wait: boolean,
  { ageMs, now }: { readonly ageMs: number; readonly now: () => number },
): Promise<CommittedIfOlder> {
  const before = await newest(node, request.group);
  if (before !== null && isYounger(before, ageMs, now())) return { generation: before, isNew: false };
  try {
    const expecting = { ...request, expectGeneration: before?.generation ?? 0 };
    return { generation: await node.commit(expecting, wait), isNew: true };
  } catch (error) {
    if (!(error instanceof SnapcommitError) || error.code !== 'EXPECTATION_FAILED') throw error;
    const after = await newest(node, request.group);
    if (after === null || !isYounger(after, ageMs, now())) throw error;
    return { generation: after, isNew: false };
  }
}

/** `gone`: was the newest, and was pruned behind a newer one before it could be looked at. */
async function newest(node: SnapcommitNode, group: string, gone = 0): Promise<GenerationReport | null> {
  const { generation } = await node.group(group);
  if (generation === 0) return null;
  try {
    return await node.show({ group, generation });
  } catch (error) {
    const isGone = error instanceof SnapcommitError && error.code === 'GENERATION_NOT_FOUND';
    if (!isGone || generation === gone) throw error;
    return newest(node, group, generation);
  }
}

/** By a clock that differs a little from ours, perhaps. One from the far future tells of a wrong clock, and is not young. */
function isYounger({ committedAt }: GenerationReport, ageMs: number, now: number): boolean {
  return Math.abs(now - Date.parse(committedAt)) < ageMs;
}
