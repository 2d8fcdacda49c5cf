/** Watching a child's system calls with strace. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { freshDirectory, run, type Ended } from './support.js';

/** Runs a child under strace; answers its output and the traced calls, one a line, in order. */
export async function traced(
  t: Test,
  calls: string,
  command: readonly string[],
  ...options: readonly string[]
): Promise<Ended & { readonly calls: readonly string[] }> {
  const file = join(freshDirectory(t), 'trace');
  // -y prints each descriptor's path.
  const ended = await run(t, ['strace', '-f', '-y', '-o', file, '-e', `trace=${calls}`, ...options, ...command]);
  return { ...ended, calls: readFileSync(file, 'utf8').split('\n') };
}

export const isSync = (line: string): boolean => /f(data)?sync\(/.test(line);

export function syncsOf(calls: readonly string[]): readonly string[] {
  return calls.filter(isSync);
}
