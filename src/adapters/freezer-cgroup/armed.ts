/** What stands between arming and the end of a freeze, and how it is let go of. */
import { removeDurably } from '../../native/durable-file.js';
import { thaw, type CgroupTarget } from './cgroup-files.js';
import type { Guard, GuardAnswer } from './guard-client.js';
import type { Haste } from './haste.js';
import type { OpenFreezers } from './open-freezers.js';
import type { SleepMeter } from './sleep-meter.js';

export const GUARD_ANSWER_MS = 2_000;
/** How long after the limit we act in the guard's place. */
export const GUARD_GRACE_MS = 500;

export interface Armed {
  readonly targets: readonly CgroupTarget[];
  readonly limitMs: number;
  readonly intentFile: string;
  readonly guard: Guard;
  readonly freezers: OpenFreezers;
  readonly haste: Haste;
  readonly sleep: SleepMeter;
}

export async function disarm({ guard, freezers, intentFile: file }: Armed): Promise<void> {
  freezers.close();
  try {
    await removeDurably(file);
  } catch {
    // It stays behind and says that something may be frozen, which thaw --all will find to be untrue.
  }
  guard.end();
}

/** The intent stays, or is gone already. */
export function letGoOf({ guard, freezers }: Armed): void {
  freezers.close();
  guard.end();
}

/** A cgroup whose freeze could not be taken back, and why. */
export interface Unthawed {
  readonly target: CgroupTarget;
  readonly reason: string;
}

/** For a guard that did not prove that it thawed. Null when none of `targets` is frozen by us any more; otherwise what is. */
export function thawInGuardsPlace(guard: Guard, answer: GuardAnswer, targets: readonly CgroupTarget[]): string | null {
  if (answer.kind === 'silent') guard.kill();
  const unthawed = thawOurselves(targets);
  if (unthawed.length === 0) return null;
  return unthawed.map(({ target, reason }) => `${target.cgroup}: ${reason}`).join('; ');
}

export function thawOurselves(targets: readonly CgroupTarget[]): readonly Unthawed[] {
  return targets.flatMap((target) => {
    try {
      thaw(target);
      return [];
    } catch (error) {
      return [{ target, reason: String(error) }];
    }
  });
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
