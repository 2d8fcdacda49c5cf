/** `verify` of what other nodes have: each looks at its own volumes. A node that cannot be asked is named, and is no problem. */
import { requireRecord } from '../coordinator/commit.js';
import type { GenerationRecord, State } from '../machine/state.js';
import { nodeOf } from '../machine/queries.js';
import { lookup, sortedUnique } from '../machine/record.js';
import type { Context } from '../participant/context.js';
import { messageOf } from '../participant/publish.js';
import { verifyGeneration } from '../participant/verify.js';
import type { OtherNodes } from './open-transactions.js';
import type { VerifyReport } from './reports.js';

type Elsewhere = Pick<VerifyReport, 'problems' | 'notAsked'>;

/** Here and elsewhere. `others` null: only this node is meant. `generation` null: every live one. */
export async function verifyGenerations(
  context: Context,
  state: State,
  others: OtherNodes | null,
  groups: readonly string[],
  generation: number | null,
): Promise<VerifyReport> {
  const problems: VerifyReport['problems'][number][] = [];
  let generations = 0;
  for (const name of groups) {
    const records =
      generation === null ? await context.log.generations(name) : [await requireRecord(context, name, generation)];
    generations += records.length;
    for (const record of records) problems.push(...(await verifyGeneration(context, state, record)));
  }
  const elsewhere = await verifyElsewhere(context, state, others, groups, generation);
  return { generations, problems: [...problems, ...elsewhere.problems], notAsked: elsewhere.notAsked };
}

/** `others` null: only this node is meant. `generation` null: every live one. */
async function verifyElsewhere(
  context: Context,
  state: State,
  others: OtherNodes | null,
  groups: readonly string[],
  generation: number | null,
): Promise<Elsewhere> {
  if (others === null) return { problems: [], notAsked: [] };
  const nodes = new Map<string, string[]>();
  for (const group of groups) {
    for (const node of await nodesWith(context, state, group, generation))
      nodes.set(node, [...(nodes.get(node) ?? []), group]);
  }
  const found = await Promise.all([...nodes].map(async ([node, theirs]) => verifyOn(others, node, theirs, generation)));
  return {
    problems: found.flatMap(({ problems }) => problems),
    notAsked: found.flatMap(({ notAsked }) => notAsked),
  };
}

/** The other nodes that have volumes in these generations. */
async function nodesWith(
  context: Context,
  state: State,
  group: string,
  generation: number | null,
): Promise<readonly string[]> {
  const records: readonly (GenerationRecord | undefined)[] =
    generation === null ? await context.log.generations(group) : [await context.log.generation(group, generation)];
  const volumes = records.flatMap((record) => record?.manifest.volumes ?? []);
  const kept = volumes.filter(({ volume }) => lookup(state.volumes, volume)?.forfeited === false);
  return sortedUnique(kept.map((volume) => nodeOf(state, volume))).filter((node) => node !== context.self.node);
}

async function verifyOn(
  others: OtherNodes,
  node: string,
  groups: readonly string[],
  generation: number | null,
): Promise<Elsewhere> {
  try {
    const asked = others.of(node);
    const problems = await Promise.all(groups.map(async (group) => asked.verify(group, generation)));
    return { problems: problems.flat(), notAsked: [] };
  } catch (error) {
    return { problems: [], notAsked: [{ node, reason: messageOf(error) }] };
  }
}
