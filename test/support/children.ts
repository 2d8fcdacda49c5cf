/** Looking at a running command's own processes. */
import { readFileSync } from 'node:fs';
import type { RunningCli } from './run-cli.js';

/** The processes that it has started and that still run. */
export function childrenOf({ child }: RunningCli): readonly number[] {
  const pid = String(child.pid);
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}
