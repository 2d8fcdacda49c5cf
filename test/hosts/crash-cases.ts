/**
 * Every way in which a commit over three hosts is disturbed at every point of its path, as one list: who dies, sleeps or is
 * cut off while the commit stands at a point, and a participant's daemon that ends itself at each point of its own part.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CRASH_POINTS } from '#src/crash-points.js';
import type { Fleet } from './fleet.js';
import { BLOWS, COMMIT, commitCrashing, commitUnder, pointsOf } from './trial.js';

export interface CrashCase {
  readonly name: string;
  /** What is wrong afterwards, one sentence each. */
  run(fleet: Fleet): Promise<readonly string[]>;
}

/** In a fixed order: first whoever dies, at every point; then whoever sleeps or is cut off. Each host is coordinator by turns. */
export async function crashCasesOf(fleet: Fleet): Promise<readonly CrashCase[]> {
  const points = inOrder(await pointsOf(fleet, fleet.host(0)));
  const parts = inOrder(await partsOf(fleet));
  const deadly = BLOWS.filter(({ name }) => name.endsWith(' dies'));
  const others = BLOWS.filter((blow) => !deadly.includes(blow));
  const under = (blow: (typeof BLOWS)[number]): readonly CrashCase[] =>
    points.map((point, index) => ({
      name: `${blow.name} at ${point}`,
      run: async (target) => commitUnder(target, target.host(index % target.hosts.length), point, blow, true),
    }));
  const dying = parts.map((point, index): CrashCase => ({
    name: `a participant’s daemon dies at its own ${point}`,
    run: async (target) => {
      const { length } = target.hosts;
      return commitCrashing(target, target.host(index % length), target.host((index + 1) % length), point, true);
    },
  }));
  return [...deadly.flatMap(under), ...dying, ...others.flatMap(under)];
}

/** What runs side by side is passed in one order now and in another then: so that a case keeps its number. */
function inOrder(passes: readonly string[]): readonly string[] {
  const order = Object.keys(CRASH_POINTS);
  const rank = (pass: string): number => order.indexOf(pass.replace(/#\d+$/, ''));
  return passes.toSorted((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/** The points that the daemon of a participant passes in a commit and not before; its store syncs at any time. */
async function partsOf(fleet: Fleet): Promise<readonly string[]> {
  const participant = fleet.host(1);
  const trace = join(fleet.directory, `trace-daemon-${participant.node}`);
  const passed = (): readonly string[] =>
    Array.from(
      readFileSync(trace, { encoding: 'utf8', flag: 'a+' }).matchAll(/^(.*)#\d+$/gm),
      ([, point = '']) => point,
    );
  await participant.kill();
  await participant.restart({ SNAPCOMMIT_CRASH_TRACE: trace });
  await fleet.together();
  const before = new Set(passed());
  await fleet.host(0).ask(...COMMIT);
  const points = new Set(passed());
  await participant.kill();
  await participant.restart();
  return [...points].filter((point) => !before.has(point));
}
