/** Asking every node of a transaction for its next step, side by side: time grows with the slowest one, not with their number. */
import { allDone } from '../participant/all-done.js';
import type { Context } from '../participant/context.js';
import type { Participant, Work } from '../ports/participant.js';
import type { Plan, PlannedNode } from './begin.js';
import type { Begun } from './decide.js';
import { within } from './within.js';

export function workOf({ begin, epoch }: Begun): Work {
  return { transaction: begin.transaction, epoch };
}

type StepOf<T> = (node: PlannedNode) => Promise<T>;

type AskNodes = <T>(
  context: Context,
  plan: Plan,
  phase: string,
  signal: AbortSignal,
  step: StepOf<T>,
) => Promise<readonly T[]>;

/**
 * Rejects with the first failure once all have come back: nobody is left at a step that others have given up. Where more than
 * one takes part, also with `signal`.
 */
export const onNodes: AskNodes = async (context, plan, phase, signal, step) =>
  unlessAborted(plan, allDone(plan.nodes.map(reporting(context, plan, phase, step))), signal);

/**
 * What is asked of a node when a transaction is over or given up. Another node may be stuck for ever at an earlier step, and
 * the others' writers and hooks must not wait for it: after some time this rejects, and that node's own caretaker goes on.
 */
export async function atTheEnd<T>(context: Context, { node }: Participant, asked: Promise<T>): Promise<T> {
  if (node === context.self.node) return asked;
  const { publishWaitMs } = context.settings;
  return within(context.timers, asked, publishWaitMs, `node ${node} did not answer within ${String(publishWaitMs)} ms`);
}

/**
 * Rejects at once with the first failure, and where more than one takes part with `signal`: for steps of a round, which is
 * ended on every node then. Writers may stand still.
 */
export const hurryOnNodes: AskNodes = async (context, plan, phase, signal, step) =>
  unlessAborted(plan, Promise.all(plan.nodes.map(reporting(context, plan, phase, step))), signal);

/** Another node may take long to answer, and the user not want to wait. */
async function unlessAborted<T>(plan: Plan, work: Promise<T>, signal: AbortSignal): Promise<T> {
  if (plan.nodes.length === 1) return work;
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    work
      .finally(() => {
        signal.removeEventListener('abort', abort);
      })
      .then(resolve, reject);
  });
}

function reporting<T>(context: Context, plan: Plan, phase: string, step: StepOf<T>): StepOf<T> {
  if (plan.nodes.length === 1) return step;
  return async (node) => {
    context.report({ kind: 'host', node: node.participant.node, phase });
    const done = await step(node);
    context.report({ kind: 'host', node: node.participant.node, phase: `${phase}: done` });
    return done;
  };
}
