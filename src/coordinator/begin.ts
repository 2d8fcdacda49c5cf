/**
 * Before a transaction: read the state, ask every node of the group what it could contribute, refuse what cannot work, and
 * make the `begin` entry. Nothing is changed but publishes that were decided before, which the nodes finish first.
 */
import { lookup, sortedUnique } from '../machine/record.js';
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { SnapcommitError } from '../errors.js';
import { type Begin, type Grade, type Member, type TransactionMode, type VolumeRecord } from '../machine/entry.js';
import { isAtLeast } from '../machine/grade.js';
import { openTransactionOf } from '../machine/queries.js';
import type { GroupState, State } from '../machine/state.js';
import type { Context } from '../participant/context.js';
import { makeTransactionId } from '../participant/names.js';
import type { Participant, Survey, SurveyedVolume } from '../ports/participant.js';
import type { RequestKey } from '../ports/log.js';
import { nodesNamedByTargets, targetsOf } from '../machine/freeze-targets.js';
import { assertClock, surveyFailure } from './clocks.js';
import type { CommitRequest } from './requests.js';

/** Recorded for nodes that cannot see whether our process lives; on this node only the kernel lock tells. */
const TRANSACTION_LIMIT_MS = 10 * 60_000;
/** A transact's command may take as long as it likes: the end of the year 9999. */
const NO_DEADLINE = 253_402_300_799_999;

export interface PlannedMember {
  readonly place: VolumeRecord;
  readonly base: string;
  readonly pointInTime: boolean;
}

/** One node's part: its volumes, its writers. */
export interface PlannedNode {
  readonly participant: Participant;
  readonly volumes: readonly string[];
  readonly cgroups: readonly string[];
}

export interface Plan {
  readonly begin: Begin;
  readonly request: RequestKey | null;
  readonly group: GroupState;
  /** In the order of the group's volumes. */
  readonly members: readonly PlannedMember[];
  /** Sorted by name. */
  readonly nodes: readonly PlannedNode[];
  /** The best grade that this cut can earn. */
  readonly reachable: Grade;
  readonly require: Grade | null;
}

export async function planTransaction(
  context: Context,
  mode: TransactionMode,
  request: CommitRequest,
  sourceGeneration: number | null = null,
  extraArguments: readonly string[] = [],
): Promise<Plan> {
  const state = await context.log.read();
  const group = requireGroup(state, request.group);
  const running = openTransactionOf(state, request.group);
  if (running !== undefined) throw busyGroup(request.group, running.begin);
  const surveyed = await surveyNodes(context, state, group, mode);
  const nodes = surveyed.map(({ node }) => node);
  const found = new Map(surveyed.flatMap(({ survey }) => survey.volumes.map((volume) => [volume.volume, volume])));
  const members = placesOf(state, group).map((place) => memberAt(place, found));
  const require = request.require ?? group.record.require;
  const reachable = reachableGrade(group, members, surveyed, mode);
  // A restore earns what its source has earned: restore.ts judges it.
  if (require !== null && mode !== 'restore') assertReachable(group, reachable, require, mode);
  const now = context.clock.now();
  const begin: Begin = {
    type: 'begin',
    transaction: makeTransactionId(now, context.random.bytes(16)),
    mode,
    group: request.group,
    members: members.map((member) => memberOf(member)),
    freezeTargets: nodes.flatMap(({ participant, cgroups }) =>
      cgroups.map((cgroup) => `${participant.node}:${cgroup}`),
    ),
    coordinator: context.self,
    deadline: mode === 'transact' ? NO_DEADLINE : now + TRANSACTION_LIMIT_MS,
    expectGeneration: request.expectGeneration,
    sourceGeneration,
    message: request.message,
    labels: request.labels,
  };
  return { begin, request: requestKey(request, begin, extraArguments), group, members, nodes, reachable, require };
}

/** From `begin` on the group stands still: it must be the one that was planned for, which earns the grade (G13). */
export async function assertAsPlanned(context: Context, { begin, group }: Plan): Promise<void> {
  const now = lookup((await context.log.read()).groups, begin.group)?.record;
  if (isDeepStrictEqual(now, group.record)) return;
  throw new SnapcommitError(
    'BUSY',
    `group ${begin.group} was changed (\`group update\`) after this transaction was planned: run the command again.`,
    { group: begin.group },
  );
}

export function requireGroup(state: State, group: string): GroupState {
  const found = lookup(state.groups, group);
  if (found !== undefined) return found;
  throw new SnapcommitError('GROUP_NOT_FOUND', `there is no group ${group}; \`snapcommit group list\` shows them.`, {
    group,
  });
}

interface SurveyedNode {
  readonly node: PlannedNode;
  readonly survey: Survey;
}

/** Asks every node that has a volume or a writer of the group what it could contribute; the first refusal counts. */
async function surveyNodes(
  context: Context,
  state: State,
  group: GroupState,
  mode: TransactionMode,
): Promise<readonly SurveyedNode[]> {
  const places = placesOf(state, group);
  const withVolumes = sortedUnique(places.map(({ node }) => node));
  const targets = mode === 'capture' ? nodesNamedByTargets(group.record) : [];
  return Promise.all(
    sortedUnique([...withVolumes, ...targets]).map(async (node): Promise<SurveyedNode> => {
      const participant = await context.participant(node);
      const volumes = places.filter((place) => place.node === node).map(({ name }) => name);
      const { cgroups, units } = targetsOf(group.record, node, withVolumes);
      const asked = context.clock.monotonic();
      const survey = await participant.survey({ mode, volumes, cgroups, units }).catch((error: unknown) => {
        throw surveyFailure(error, node, volumes);
      });
      if (node !== context.self.node) assertClock(context, { node, volumes, now: survey.now, asked });
      return { node: { participant, volumes, cgroups: survey.cgroups }, survey };
    }),
  );
}

function placesOf(state: State, group: GroupState): readonly VolumeRecord[] {
  return group.record.volumes.map((volume) => {
    const place = lookup(state.volumes, volume)?.record;
    if (place !== undefined) return place;
    throw new SnapcommitError('VOLUME_NOT_FOUND', `there is no volume ${volume}.`, { volume });
  });
}

function memberAt(place: VolumeRecord, surveyed: ReadonlyMap<string, SurveyedVolume>): PlannedMember {
  const found = surveyed.get(place.name);
  if (found === undefined)
    throw new SnapcommitError('UNAVAILABLE', `node ${place.node} said nothing of volume ${place.name}`, {
      volume: place.name,
      node: place.node,
    });
  return { place, base: found.base, pointInTime: found.pointInTime };
}

function busyGroup(group: string, running: Begin): SnapcommitError {
  return new SnapcommitError(
    'BUSY',
    `group ${group} has transaction ${running.transaction} open, driven by process ` +
      `${String(running.coordinator.pid)} on ${running.coordinator.node}. Wait for it, or run \`snapcommit recover\` if it is gone.`,
    { group, transaction: running.transaction, node: running.coordinator.node, pid: running.coordinator.pid },
  );
}

function reachableGrade(
  group: GroupState,
  members: readonly PlannedMember[],
  surveyed: readonly SurveyedNode[],
  mode: TransactionMode,
): Grade {
  const unfrozen = members.every(({ pointInTime }) => pointInTime) ? 'independent' : 'fuzzy';
  if (mode !== 'capture') return 'barrier';
  if (surveyed.every(({ survey }) => survey.cgroups.length === 0)) return unfrozen;
  if (group.record.preHooks.length > 0) return 'application';
  return surveyed.every(({ survey }) => survey.exported === null) ? 'barrier' : unfrozen;
}

function assertReachable(group: GroupState, reachable: Grade, require: Grade, mode: TransactionMode): void {
  if (isAtLeast(reachable, require)) return;
  const name = group.record.name;
  throw new SnapcommitError(
    'GRADE_UNREACHABLE',
    `group ${name} can reach grade ${reachable} at best, and ${require} is required. ${adviceFor(reachable, mode)}`,
    { group: name, reachable, require },
  );
}

function adviceFor(reachable: Grade, mode: TransactionMode): string {
  if (mode === 'transact') return 'A transact runs no hooks: ask for `--require barrier`.';
  if (isAtLeast(reachable, 'barrier'))
    return 'Declare pre-hooks that quiesce the application (`group update --pre-hook`).';
  return (
    'Declare its writers (`group update --freeze-cgroup` or `--freeze-unit`); a filesystem that the kernel’s NFS ' +
    'server exports needs a pre-hook too.'
  );
}

function memberOf(member: PlannedMember): Member {
  return { volume: member.place.name, node: member.place.node, driver: member.place.driver, base: member.base };
}

/** `--request-id` with a digest over every argument that says what is asked for. */
function requestKey(request: CommitRequest, begin: Begin, extra: readonly string[]): RequestKey | null {
  if (request.requestId === null) return null;
  const labels = Object.entries(request.labels).sort(([a], [b]) => (a < b ? -1 : 1));
  const parts = [
    begin.mode,
    begin.group,
    begin.message,
    labels,
    request.require,
    begin.expectGeneration,
    begin.sourceGeneration,
    extra,
  ];
  return { id: request.requestId, digest: createHash('sha256').update(JSON.stringify(parts)).digest('hex') };
}
