/** Watching a child's system calls with strace. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { freshDirectory, run, type Ended } from './support.js';

/** A child that runs under strace. */
export interface Tracing {
  /** The calls up to now, one a line, in order. */
  readonly calls: () => readonly string[];
  readonly ended: Promise<Ended>;
}

export function startTraced(
  t: Test,
  calls: string,
  command: readonly string[],
  ...options: readonly string[]
): Tracing {
  const file = join(freshDirectory(t), 'trace');
  // -y prints each descriptor's path.
  const ended = run(t, ['strace', '-f', '-y', '-o', file, '-e', `trace=${calls}`, ...options, ...command]);
  return { calls: () => (existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []), ended };
}

/** Runs a child under strace; answers its output and the traced calls. */
export async function traced(
  t: Test,
  calls: string,
  command: readonly string[],
  ...options: readonly string[]
): Promise<Ended & { readonly calls: readonly string[] }> {
  const tracing = startTraced(t, calls, command, ...options);
  return { ...(await tracing.ended), calls: tracing.calls() };
}

export const isSync = (line: string): boolean => /f(data)?sync\(/.test(line);

export function syncsOf(calls: readonly string[]): readonly string[] {
  return calls.filter(isSync);
}
