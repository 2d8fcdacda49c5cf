/**
 * `snapcommit restore GROUP@GEN`: a transaction whose clones come from that generation. Later generations stay, and so
 * do the replaced live trees.
 */
import { SnapcommitError } from '../errors.js';
import { isAtLeast } from '../machine/grade.js';
import { generationKey } from '../machine/keys.js';
import type { GenerationRecord } from '../machine/state.js';
import type { Context } from '../participant/context.js';
import { damageOf } from '../participant/verify.js';
import { assertAsPlanned, planTransaction, type Plan } from './begin.js';
import { repeat, requireRecord, withCoordinatorLock, type Committed } from './commit.js';
import { begin, type Begun } from './decide.js';
import type { RestoreRequest } from './requests.js';
import { cloneAll, swapIn } from './swap.js';
import { giveUp } from './undo.js';

/** Everything that must hold before a restore begins; changes nothing but publishes that were decided before. */
export async function planRestore(
  context: Context,
  request: RestoreRequest,
): Promise<{ readonly plan: Plan; readonly source: GenerationRecord }> {
  const { group, sourceGeneration } = request;
  const plan = await planTransaction(context, 'restore', request, sourceGeneration);
  const source = await requireRecord(context, group, sourceGeneration);
  assertSameVolumes(plan, source);
  assertGrade(request, source);
  await assertIntact(context, source);
  return { plan, source };
}

export async function restore(context: Context, request: RestoreRequest): Promise<Committed> {
  const { group } = request;
  const { plan, source } = await planRestore(context, request);
  return withCoordinatorLock(context, plan, async () => {
    const started = await begin(context, plan.begin, plan.request);
    if (started.kind === 'repeated') return repeat(context, group, started.generation);
    const { begun } = started;
    await cloneSource(context, plan, begun, request.signal);
    const { consistency } = source.manifest;
    const options = {
      consistency: { ...consistency, stallMs: 0, skewMs: 0, frozen: [], hosts: [] },
      signal: request.signal,
    };
    const record = await swapIn(context, plan, begun, options);
    return { record, repeated: false };
  });
}

async function cloneSource(context: Context, plan: Plan, begun: Begun, signal: AbortSignal): Promise<void> {
  try {
    signal.throwIfAborted();
    await assertAsPlanned(context, plan);
    await cloneAll(context, plan, begun, signal);
  } catch (error) {
    throw await giveUp(context, plan, begun, error);
  }
}

/** Only what this restore itself asks for: what the group requires of its commits does not forbid going back. */
function assertGrade({ require }: RestoreRequest, source: GenerationRecord): void {
  const { grade } = source.manifest.consistency;
  if (require === null || isAtLeast(grade, require)) return;
  const key = generationKey(source.group, source.generation);
  throw new SnapcommitError('GRADE_UNREACHABLE', `generation ${key} has grade ${grade}, and ${require} is required.`, {
    group: source.group,
    generation: source.generation,
    grade,
    require,
  });
}

/** What somebody replaced or damaged must not become the live tree, and then a generation that looks sound. */
async function assertIntact(context: Context, source: GenerationRecord): Promise<void> {
  const problems = await damageOf(context, await context.log.read(), source);
  const [first] = problems;
  if (first === undefined) return;
  throw new SnapcommitError(
    'VERIFY_FAILED',
    `generation ${generationKey(source.group, source.generation)} is damaged, so it is not restored: ${first.problem}` +
      `${problems.length > 1 ? `, and ${String(problems.length - 1)} more` : ''}. Restore another one.`,
    {
      group: source.group,
      generation: source.generation,
      problems: problems.map(({ volume, problem }) => ({ volume, problem })),
    },
  );
}

function assertSameVolumes(plan: Plan, source: GenerationRecord): void {
  const now = plan.members.map((member) => member.place.name).join(', ');
  const then = source.manifest.volumes.map((volume) => volume.volume).join(', ');
  if (now === then) return;
  throw new SnapcommitError(
    'EXPECTATION_FAILED',
    `generation ${generationKey(source.group, source.generation)} holds the volumes ${then}, but the group now has ${now}. ` +
      'Give the group those volumes again (`group update --volume`), or copy what you need out of `snapcommit open`.',
    { group: source.group, generation: source.generation },
  );
}
