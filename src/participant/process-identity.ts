/** Who we are, so that others can tell later whether we still live; and whether a recorded process does. */
import type { ProcessIdentity } from '../machine/entry.js';
import { isRunning, readBootId, readProcessStat } from '../native/proc.js';

/** This process, as a log entry names it. */
export function currentProcess(node: string): ProcessIdentity {
  const stat = readProcessStat(process.pid);
  return { node, bootId: readBootId(), pid: process.pid, startTime: stat === null ? 0 : stat.startTime };
}

/**
 * Whether that process runs now on this machine. It must be one of this node's: of another node's nothing can be told
 * here, and the answer is then `false` because its boot id is not ours; compare `node` first.
 */
export function isAlive(identity: ProcessIdentity): boolean {
  return identity.bootId === readBootId() && isRunning(identity.pid, identity.startTime);
}
