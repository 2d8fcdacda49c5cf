/** Thawing from the intents alone: after a crash, at boot, by hand. Needs no log and no guard; may run at any time. */
import { removeDurably } from '../../native/durable-file.js';
import type { Thawed } from '../../ports/writers.js';
import { thaw, type CgroupTarget } from './cgroup-files.js';
import { fromThisBoot, ownerLives, readIntents, removeLeftovers, type Intent } from './intent.js';

/** See Writers.thawAll. Never rejects for one bad intent or cgroup: that one is reported and its intent kept. */
export async function thawIntents(stateDirectory: string, all: boolean): Promise<readonly Thawed[]> {
  const stored = await readIntents(stateDirectory);
  const living = all ? [] : stored.flatMap(({ intent }) => (intent !== null && ownerLives(intent) ? [intent] : []));
  const report: Thawed[] = [];
  for (const { file, intent, problem } of stored) {
    if (intent === null) {
      const reason = `${file} cannot be read (${problem}); look for frozen cgroups yourself, then delete it`;
      report.push({ cgroup: file, result: 'failed', reason });
    } else if (!living.includes(intent)) {
      const thawed = intent.cgroups.map((target) => thawOne(intent, target, living));
      report.push(...thawed);
      if (thawed.every(({ result }) => result !== 'failed')) await removeDurably(file);
    }
  }
  await removeLeftovers(stateDirectory);
  return report;
}

function thawOne(intent: Intent, target: CgroupTarget, living: readonly Intent[]): Thawed {
  const { cgroup } = target;
  if (!fromThisBoot(intent)) return { cgroup, result: 'notFrozen', reason: 'the machine was restarted since' };
  // T10: whether its freeze is the dead one's or the living one's cannot be told, so the living one keeps it.
  const other = living.find((each) => each.cgroups.some((mine) => mine.directory === target.directory));
  if (other !== undefined) {
    const reason = `transaction ${other.transaction} (pid ${String(other.pid)}) is still running and names it too; run again later`;
    return { cgroup, result: 'failed', reason };
  }
  try {
    const result = thaw(target);
    return { cgroup, result, reason: null };
  } catch (error) {
    return { cgroup, result: 'failed', reason: String(error) };
  }
}
