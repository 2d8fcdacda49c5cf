/**
 * After the commit point: every node publishes its volumes by itself as soon as it hears of the commit; the coordinator asks
 * each of them, so that it can say what became of it. Nothing here can undo the commit.
 */
import { SnapcommitError } from '../errors.js';
import { generationKey } from '../machine/keys.js';
import { lookup, sortedUnique } from '../machine/record.js';
import type { GenerationRecord } from '../machine/state.js';
import type { Context } from '../participant/context.js';
import { messageOf } from '../participant/publish.js';
import { asPending } from '../participant/publishing.js';
import type { Participant } from '../ports/participant.js';
import type { Plan } from './begin.js';
import { within } from './within.js';

/** Rejects with PUBLISH_PENDING, naming every node that has not published within the time that settings give, and why. */
export async function publishEverywhere(context: Context, plan: Plan, record: GenerationRecord): Promise<void> {
  const withVolumes = sortedUnique(record.manifest.volumes.map(({ node }) => node));
  const participants = plan.nodes
    .map(({ participant }) => participant)
    .filter(({ node }) => withVolumes.includes(node));
  const results = await Promise.allSettled(
    participants.map(async (participant) => publishOn(context, participant, record)),
  );
  const failed = results.flatMap((result, index) =>
    result.status === 'rejected' ? [{ node: participants[index]?.node ?? '', error: result.reason as unknown }] : [],
  );
  const [first] = failed;
  if (first === undefined) return;
  if (failed.length === 1 && first.node === context.self.node)
    throw asPending(record.group, record.generation, first.error);
  const key = generationKey(record.group, record.generation);
  const nodes = failed.map(({ node }) => node).join(', ');
  throw new SnapcommitError(
    'PUBLISH_PENDING',
    `generation ${key} is committed, and node ${nodes} has not published it yet: ${messageOf(first.error).replace(/\.$/, '')}. ` +
      'It does so by itself as soon as it can; `snapcommit status` tells.',
    {
      group: record.group,
      generation: record.generation,
      nodes: failed.map(({ node, error }) => ({ node, reason: messageOf(error) })),
    },
    first.error,
  );
}

/** What the answer says is checked against the log: a node may have published although its answer was lost. */
async function publishOn(context: Context, participant: Participant, record: GenerationRecord): Promise<void> {
  const publishing = participant.publish(record.group, record.generation);
  if (participant.node === context.self.node) return publishing;
  const { publishWaitMs } = context.settings;
  await within(context.timers, publishing, publishWaitMs, `it did not answer within ${String(publishWaitMs)} ms`).catch(
    async (error: unknown) => {
      if (await isPending(context, record, participant.node)) throw error;
    },
  );
}

async function isPending(context: Context, { group, generation }: GenerationRecord, node: string): Promise<boolean> {
  const state = await context.log.read().catch(() => null);
  return state === null || lookup(state.pending, generationKey(group, generation))?.nodes.includes(node) === true;
}
