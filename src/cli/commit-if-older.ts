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

async function newest(node: SnapcommitNode, group: string): Promise<GenerationReport | null> {
  const { generation } = await node.group(group);
  return generation === 0 ? null : node.show({ group, generation });
}

/** By a clock that differs a little from ours, perhaps. One from the far future tells of a wrong clock, and is not young. */
function isYounger({ committedAt }: GenerationReport, ageMs: number, now: number): boolean {
  return Math.abs(now - Date.parse(committedAt)) < ageMs;
}
