/** One node with a memory volume, as a coordinator on it works: with its own participant, over a log that a test can disturb. */
import type { Test } from 'tap';
import type { CommitRequest } from '#src/coordinator/requests.js';
import type { Context } from '#src/participant/context.js';
import type { ReplicatedLog } from '#src/ports/log.js';
import { ParticipantNode } from '../participant/participant-node.js';

export interface Coordinating {
  readonly node: ParticipantNode;
  readonly context: Context;
  readonly warnings: string[];
}

export async function coordinating(
  t: Test,
  disturbed: (log: ReplicatedLog) => Partial<ReplicatedLog>,
): Promise<Coordinating> {
  const node = await ParticipantNode.make(t);
  const { log } = node.context;
  const warnings: string[] = [];
  const plain: ReplicatedLog = {
    identity: log.identity,
    append: async (operation, request) => log.append(operation, request),
    read: async () => log.read(),
    generation: async (group, generation) => log.generation(group, generation),
    generations: async (group) => log.generations(group),
    status: async () => log.status(),
    checkpoint: async () => log.checkpoint(),
    scrub: async () => log.scrub(),
    close: () => {
      log.close();
    },
  };
  const context: Context = {
    ...node.context,
    log: { ...plain, ...disturbed(plain) },
    participant: async () => Promise.resolve(node.participant),
    report: (progress) => {
      if (progress.kind === 'warning') warnings.push(progress.message);
    },
  };
  return { node, context, warnings };
}

export function commitRequest(given: Partial<CommitRequest> = {}): CommitRequest {
  const { signal } = new AbortController();
  const plain = { message: '', labels: {}, require: null, expectGeneration: null, requestId: null };
  return { group: 'app', ...plain, signal, ...given };
}
