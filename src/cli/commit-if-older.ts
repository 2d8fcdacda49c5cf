/**
 * `commit --if-older-than`: for jobs that are retried, and that run on several nodes. What makes a second commit needless is
 * that there is one already, so it is looked for; a request id could not tell, since systemd gives each try a new
 * invocation, and since what was aborted under an id stays aborted under it.
 */
import { isAtLeast } from '../config/names.js';
import { SnapcommitError } from '../errors.js';
import type { CommitRequest, GenerationReport, Grade, SnapcommitNode } from '../index.js';

export interface CommittedIfOlder {
  readonly generation: GenerationReport;
  /** false: it stood there before, and is young enough. */
  readonly isNew: boolean;
}

/**
 * The group's newest generation where it is younger than `ageMs` and has the grade that a commit needs, otherwise a new one.
 * Two that ask at once get the same.
 */
export async function commitIfOlder(
  node: SnapcommitNode,
  request: CommitRequest,
  wait: boolean,
  { ageMs, now }: { readonly ageMs: number; readonly now: () => number },
): Promise<CommittedIfOlder> {
  const isEnough = ({ generation, require }: Newest): boolean =>
    isYounger(generation, ageMs, now()) && hasGrade(generation, request.require ?? require);
  const before = await newest(node, request.group);
  if (before !== null && isEnough(before)) return stood(node, before);
  try {
    const expecting = { ...request, expectGeneration: before?.generation.generation ?? 0 };
    return { generation: await node.commit(expecting, wait), isNew: true };
  } catch (error) {
    if (!(error instanceof SnapcommitError) || error.code !== 'EXPECTATION_FAILED') throw error;
    const after = await newest(node, request.group);
    if (after === null || !isEnough(after)) throw error;
    return stood(node, after);
  }
}

interface Newest {
  readonly generation: GenerationReport;
  /** What the group asks of every commit. */
  readonly require: Grade | null;
}

/** `gone`: was the newest, and was pruned behind a newer one before it could be looked at. */
async function newest(node: SnapcommitNode, group: string, gone = 0): Promise<Newest | null> {
  const { generation, require } = await node.group(group);
  if (generation === 0) return null;
  try {
    return { generation: await node.show({ group, generation }), require };
  } catch (error) {
    const isGone = error instanceof SnapcommitError && error.code === 'GENERATION_NOT_FOUND';
    if (!isGone || generation === gone) throw error;
    return newest(node, group, generation);
  }
}

/** Done only when it is published too, as the commit that made it would have said. */
async function stood(node: SnapcommitNode, { generation: found }: Newest): Promise<CommittedIfOlder> {
  if (found.state === 'published') return { generation: found, isNew: false };
  const { group, generation } = found;
  await node.open({ group, generation, hold: null });
  const shown = await node.show({ group, generation });
  if (shown.state === 'published') return { generation: shown, isNew: false };
  throw new SnapcommitError(
    'PUBLISH_PENDING',
    `generation ${group}@${String(generation)} is committed, and other nodes have not published it yet. ` +
      'They do so by themselves as soon as they can; `snapcommit status` tells.',
    { group, generation },
  );
}

/** By a clock that differs a little from ours, perhaps. One from the far future tells of a wrong clock, and is not young. */
function isYounger({ committedAt }: GenerationReport, ageMs: number, now: number): boolean {
  return Math.abs(now - Date.parse(committedAt)) < ageMs;
}

function hasGrade({ consistency }: GenerationReport, require: Grade | null): boolean {
  return require === null || isAtLeast(consistency.grade, require);
}
