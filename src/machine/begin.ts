/**
 * `begin`: the durable intent. PURE. Its rules are judged in the order of BEGIN_RULES, here, at its slot: whatever the
 * coordinator saw while it was planning may be over by now.
 */
import { drainProblem } from './draining.js';
import type { Begin, Member } from './entry.js';
import { generationKey } from './keys.js';
import { lockProblem, swapProblem } from './locks.js';
import { generationNotFound, groupNotFound } from './refusals.js';
import { isToken } from './names.js';
import { finishedTransaction, newestComplete } from './queries.js';
import { lookup, sortedUnique, withKey } from './record.js';
import { hasNumber } from './runs.js';
import type { GroupState, OpenTransaction, State } from './state.js';
import { done, refusal, refused, type Refusal, type Step, type StepContext } from './step.js';

/** The end of the year 9999, in ms: later times have no RFC 3339 form. */
export const LATEST_TIME = 253_402_300_799_999;

type Rule = (state: State, group: GroupState, begin: Begin, context: StepContext) => Refusal | null;

const BEGIN_RULES: readonly Rule[] = [
  wellFormed,
  planProblem,
  transactionProblem,
  expectationProblem,
  (state, _group, begin) => drainProblem(state, begin),
  (state, _group, begin) => lockProblem(state, begin),
  (state, _group, begin) => swapProblem(state, begin),
  sourceProblem,
];

export function begin(state: State, operation: Begin, context: StepContext): Step {
  const group = lookup(state.groups, operation.group);
  if (group === undefined) return refused(state, groupNotFound(operation.group));
  for (const rule of BEGIN_RULES) {
    const problem = rule(state, group, operation, context);
    if (problem !== null) return refused(state, problem);
  }
  const { transaction } = operation;
  const open: OpenTransaction = {
    begin: operation,
    epoch: { incarnation: state.incarnation, slot: context.slot },
    beganSlot: context.slot,
    beganAt: context.at,
    coordinator: operation.coordinator,
    takenOver: false,
    request: context.request,
  };
  return done({ ...state, open: withKey(state.open, transaction, open) }, { transaction });
}

function wellFormed(_state: State, _group: GroupState, begin: Begin, context: StepContext): Refusal | null {
  const { transaction, mode, sourceGeneration } = begin;
  if (!isToken(transaction)) {
    return refusal('USAGE', `${JSON.stringify(transaction)} is no valid transaction id.`, { transaction });
  }
  if ((mode === 'restore') !== (sourceGeneration !== null)) {
    return refusal('USAGE', `Only a restore, and every restore, names its source generation.`, { transaction, mode });
  }
  if (!Number.isSafeInteger(context.at) || context.at < 0 || context.at > LATEST_TIME) {
    const message = `The clock of node ${begin.coordinator.node} shows no usable time (${String(context.at)} ms since 1970): set it right and try again.`;
    return refusal('USAGE', message, { node: begin.coordinator.node });
  }
  return null;
}

/** The members must be the group's volumes of this slot, where they are now. */
function planProblem(state: State, group: GroupState, begin: Begin): Refusal | null {
  const { name, volumes } = group.record;
  if (volumes.length === 0) {
    const message = `Group ${name} has no volume left: give it some with \`snapcommit group update ${name} --volume NAME\`.`;
    return refusal('VOLUME_NOT_FOUND', message, { group: name });
  }
  const planned = begin.members.map((member) => member.volume);
  const missing = volumes.filter((volume) => !planned.includes(volume));
  const extra = sortedUnique(planned.filter((volume) => !volumes.includes(volume)));
  const moved = sortedUnique(begin.members.filter((member) => hasMoved(state, member)).map((member) => member.volume));
  const repeated = planned.length === new Set(planned).size ? 0 : 1;
  if (missing.length + extra.length + moved.length + repeated === 0) return null;
  const list = (what: string, names: readonly string[]): readonly string[] =>
    names.length === 0 ? [] : [`${what} ${names.join(', ')}`];
  const changes = [...list('it now has', missing), ...list('it no longer has', extra), ...list('changed:', moved)];
  const said = changes.length === 0 ? 'a volume is named twice' : changes.join('; ');
  const message = `Group ${name} is not what this transaction was planned for (${said}): run the command again.`;
  return refusal('BUSY', message, { group: name, missing, extra, moved });
}

function hasMoved(state: State, member: Member): boolean {
  const record = lookup(state.volumes, member.volume)?.record;
  return record !== undefined && (record.node !== member.node || record.driver !== member.driver);
}

function transactionProblem(state: State, _group: GroupState, { transaction }: Begin): Refusal | null {
  const known = lookup(state.open, transaction) !== undefined || finishedTransaction(state, transaction) !== undefined;
  if (!known) return null;
  const message = `Transaction ${transaction} has begun before: ask for it with \`snapcommit transaction show ${transaction}\`.`;
  return refusal('EXISTS', message, { transaction });
}

/** The newest committed generation that a reader would get, at this slot. */
function expectationProblem(_state: State, group: GroupState, begin: Begin): Refusal | null {
  const expected = begin.expectGeneration;
  const actual = newestComplete(group);
  if (expected === null || expected === actual) return null;
  const { name } = group.record;
  const found = actual === 0 ? 'has none yet' : `is at ${generationKey(name, actual)}`;
  const wanted = expected === 0 ? 'no generation' : generationKey(name, expected);
  const message = `Group ${name} ${found}, where ${wanted} was expected: look at what changed, then try again.`;
  return refusal('EXPECTATION_FAILED', message, { group: name, expected, actual });
}

function sourceProblem(_state: State, group: GroupState, begin: Begin): Refusal | null {
  const source = begin.sourceGeneration;
  if (source === null) return null;
  const { name } = group.record;
  if (!hasNumber(group.live, source)) return generationNotFound(name, source);
  const key = generationKey(name, source);
  if (hasNumber(group.incomplete, source)) {
    const message = `Generation ${key} is incomplete, since a volume of it was forfeited: restore another one (\`snapcommit list ${name}\`).`;
    return refusal('GENERATION_NOT_FOUND', message, { group: name, generation: source, incomplete: true });
  }
  const without = group.record.volumes.filter((volume) => !hasNumber(lookup(group.contents, volume) ?? [], source));
  if (without.length === 0) return null;
  const message = `Generation ${key} does not hold volume ${without.join(', ')}: restore a later one, or take that volume out of the group first.`;
  return refusal('VOLUME_NOT_FOUND', message, { group: name, generation: source, volumes: without });
}
