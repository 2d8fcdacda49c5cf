/**
 * Which branches of the core a process has run, as V8 counts them: every block of code below src/paxos, by its place. No
 * mark has to stand in the core for it.
 */
import { readFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

const session = new Session();

export async function watchBranches(): Promise<void> {
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: false, detailed: true });
}

/** By `file:line function`; the lines are those of the compiled file. Whole functions and blocks inside them alike. */
export async function branchesReached(): Promise<Readonly<Record<string, boolean>>> {
  const { result } = await session.post('Profiler.takePreciseCoverage');
  const reached: Record<string, boolean> = {};
  for (const { url, functions } of result) {
    if (!url.includes('/dist/paxos/')) continue;
    const source = readFileSync(fileURLToPath(url), 'utf8');
    for (const { functionName, ranges } of functions) {
      for (const { startOffset, count } of ranges) {
        const line = source.slice(0, startOffset).split('\n').length;
        const place = `${basename(url)}:${String(line)} ${functionName}`;
        reached[place] = count > 0 || (reached[place] ?? false);
      }
    }
  }
  return reached;
}
