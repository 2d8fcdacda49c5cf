/**
 * `volume add --recursive`, everything before the first change: which trees there are, what each volume shall be called and
 * where it shall publish, and whether all of them can be added.
 */
import { dirname, join } from 'node:path';
import { SnapcommitError } from '../errors.js';
import type { DriverName, VolumeRecord } from '../machine/entry.js';
import { isName, NAME_LAW } from '../machine/names.js';
import { volumeAt } from '../machine/queries.js';
import { lookup } from '../machine/record.js';
import type { State } from '../machine/state.js';
import { addVolume as applyAdd } from '../machine/volumes.js';
import type { Context } from '../participant/context.js';
import { addCommand, listed, shellWord } from '../participant/nested.js';
import type { NestedTree, NestedTrees, Nesting, VolumeDriver } from '../ports/volume-driver.js';
import { assertName, checkVolume, detectDriver } from './add-volume.js';
import type { AddVolumeTreeRequest } from './node.js';

export interface PlannedVolume {
  readonly record: VolumeRecord;
  /** It is a volume already. */
  readonly present: boolean;
  /** Its dataset is to remember that everything below it is wanted. */
  readonly include: boolean;
}

export interface VolumeTreePlan {
  readonly driver: VolumeDriver;
  readonly nesting: Nesting;
  readonly state: State;
  /** The root first, and each before what is nested in it. */
  readonly volumes: readonly PlannedVolume[];
  readonly containers: readonly string[];
}

/** A source that is a volume, or is to be one under this name. */
interface Member {
  readonly called: string;
  readonly source: string;
  readonly name: string;
  readonly record: VolumeRecord | undefined;
  readonly include: boolean;
}

export async function planVolumeTree(context: Context, request: AddVolumeTreeRequest): Promise<VolumeTreePlan> {
  assertName(request.name);
  const driverName = request.driver ?? (await detectDriver(context, request.source));
  const driver = await context.driver(driverName);
  const { nesting } = driver;
  if (nesting === null) throw notNesting(request.source, driverName);
  const found = await nesting.below(request.name, request.source);
  const state = await context.log.read();
  const root = rootOf(context, state, request, driverName, found);
  const members = [root, ...childrenOf(context, state, request.name, driverName, found)];
  const directory = publishBase(request, root);
  assertNames(state, members, directory);
  const volumes: PlannedVolume[] = [];
  let after = state;
  for (const { name, source, record: present, include } of members) {
    if (present !== undefined) {
      volumes.push({ record: present, present: true, include });
      continue;
    }
    const inspection = await nesting.inspect(name, source, join(directory, name));
    const record = await checkVolume(context, state, { name, driver: driverName }, inspection);
    after = applied(after, record);
    volumes.push({ record, present: false, include });
  }
  return { driver, nesting, state, volumes, containers: found.containers };
}

function rootOf(
  { self }: Context,
  state: State,
  { name }: AddVolumeTreeRequest,
  driver: DriverName,
  { called, source }: NestedTrees,
): Member {
  const record = volumeAt(state, self.node, source);
  const other = record ?? lookup(state.volumes, name)?.record;
  if (other === undefined || (record?.name === name && record.driver === driver))
    return { called, source, name, record, include: true };
  const message =
    record === undefined
      ? `there already is a volume ${name} (${other.source} on node ${other.node}): choose another name.`
      : record.name === name
        ? `volume ${name} (${source}) is of the driver ${record.driver}, not of ${driver}: remove it and add it again.`
        : `${source} is volume ${record.name} already. What is missing below it is added by \`${addCommand(record.name, source)}\`.`;
  throw new SnapcommitError('EXISTS', message, { volume: other.name, source: other.source });
}

/** @throws SOURCE_NESTED naming every one that is no volume and cannot be one. */
function childrenOf(
  { self }: Context,
  state: State,
  rootName: string,
  driver: DriverName,
  { called: root, trees }: NestedTrees,
): readonly Member[] {
  const blocked: NestedTree[] = [];
  const members: Member[] = [];
  for (const tree of trees) {
    const { called, path, source, obstacle, separate } = tree;
    const record = source === null ? undefined : volumeAt(state, self.node, source);
    if (source === null || (record === undefined && obstacle !== null)) blocked.push(tree);
    else {
      const name = record?.name ?? `${rootName}-${path.replaceAll('/', '-')}`;
      // of one that is not mounted nothing is asked: what it says already stays
      const include = !separate && obstacle === null && (record?.driver ?? driver) === driver;
      members.push({ called, source, name, record, include });
    }
  }
  if (blocked.length > 0) throw cannotBe(rootName, root, blocked);
  return members;
}

/** Beside what the root has already, or would have by itself. Inside of no live tree: the log's own law forbids that. */
function publishBase({ publishDirectory }: AddVolumeTreeRequest, { source, record }: Member): string {
  if (publishDirectory !== null) return publishDirectory;
  if (record !== undefined) return dirname(record.publishDirectory);
  return join(dirname(source), '.snapcommit');
}

/** What the log would say to this entry after those before it. */
function applied(state: State, record: VolumeRecord): State {
  const { state: next, outcome } = applyAdd(state, { type: 'addVolume', volume: record });
  if (outcome.ok) return next;
  const advice = outcome.code === 'SOURCE_MANAGED' ? ' Name another place for all of them with --publish DIR.' : '';
  throw new SnapcommitError(outcome.code, `${outcome.message}${advice} Nothing was added.`, outcome.details);
}

function assertNames(state: State, members: readonly Member[], directory: string): void {
  const problems = members
    .filter(({ record }) => record === undefined)
    .map((member) => ({ member, why: nameProblemOf(state, members, member) }))
    .filter(({ why }) => why !== null);
  const [first] = problems;
  if (first === undefined) return;
  const named = problems.map(
    ({ member: { called, name }, why }) => `${called} would be volume ${JSON.stringify(name)}, ${why ?? ''}`,
  );
  const byHand = `snapcommit volume add ANOTHER-NAME --source ${shellWord(first.member.called)} --publish ${shellWord(directory)} --recursive`;
  throw new SnapcommitError(
    'NAME_INVALID',
    `nothing was added: ${listed(named)}. Add such a one by hand first (\`${byHand}\`), then run this command again.`,
    { problems: named },
  );
}

function nameProblemOf(state: State, members: readonly Member[], { name, called }: Member): string | null {
  if (!isName(name)) return `which is no valid name (${NAME_LAW})`;
  const other = members.find((member) => member.name === name && member.called !== called);
  if (other !== undefined) return `and so would ${other.called}`;
  const taken = lookup(state.volumes, name)?.record;
  return taken === undefined ? null : `which is ${taken.source} on node ${taken.node}`;
}

function cannotBe(name: string, root: string, blocked: readonly NestedTree[]): SnapcommitError {
  const reasons = blocked.map(({ called, obstacle }) => `${called} ${obstacle ?? ''}`);
  return new SnapcommitError(
    'SOURCE_NESTED',
    `volume ${name}: nothing was added, since not everything below ${root} can be a volume: ${listed(reasons)}. Mend that, ` +
      'or move it elsewhere; or add by hand what you want, one by one, and leave the rest out with ' +
      `zfs set snapcommit:children=separate ${root}`,
    { volume: name, source: root, nested: blocked.map(({ called }) => called) },
  );
}

function notNesting(source: string, driver: string): SnapcommitError {
  return new SnapcommitError(
    'USAGE',
    `--recursive adds the child datasets of a ZFS dataset, and ${source} is for the driver ${driver}, which has none: add ` +
      'each source by itself, without --recursive.',
    { source, driver },
  );
}
