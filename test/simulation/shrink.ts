/**
 * Makes a failing plan small: leaves out what it can while the same law is still broken, first halves, then ever smaller
 * parts (delta debugging), then the time after the failure.
 */
import type { Plan, PlanItem } from './plan.js';
import { runWorld, type WorldResult } from './world.js';

export interface Shrunk {
  readonly plan: Plan;
  readonly result: WorldResult;
  readonly runs: number;
}

export async function shrink(plan: Plan, law: string, runsMax = 400): Promise<Shrunk> {
  let best = plan;
  let runs = 0;
  const fails = async (candidate: Plan): Promise<boolean> => {
    if (runs >= runsMax) return false;
    runs += 1;
    return (await runWorld(candidate)).violation?.law === law;
  };
  for (let size = Math.ceil(best.items.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.items.length;) {
      const items: readonly PlanItem[] = [...best.items.slice(0, at), ...best.items.slice(at + size)];
      const candidate = { ...best, items };
      if (await fails(candidate)) best = candidate;
      else at += size;
    }
  }
  const last = Math.max(0, ...best.items.map(({ at }) => at));
  for (const lastsMs of [last + 100, last + 1000]) {
    const candidate = { ...best, lastsMs };
    if (lastsMs >= best.lastsMs || !(await fails(candidate))) continue;
    best = candidate;
    break;
  }
  return { plan: best, result: await runWorld(best, true), runs };
}

/** A short story of a failure: the plan that is left, and what happened before the end. */
export function describeFailure({ plan, result }: Shrunk, linesMax = 120): readonly string[] {
  const interesting = result.trace.filter(
    (line) => !/"type":"(heartbeat|heartbeatReply|greeting|lives|verdict)"/.test(line),
  );
  return [
    `seed ${String(plan.seed)}: ${result.violation?.message ?? 'does not fail any more'}`,
    `voters ${plan.voters.join(', ')}; spares ${plan.spares.join(', ')}; safety phase ${String(plan.lastsMs)} ms`,
    ...plan.items.map(({ at, ...action }) => `  ${String(at).padStart(6)} ms  ${JSON.stringify(action)}`),
    'what happened before:',
    ...interesting.slice(-linesMax),
  ];
}
