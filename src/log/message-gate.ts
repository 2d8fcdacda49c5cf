/** Which of a peer's messages may reach the core, by what this node may say in answer. PURE. */
import type { Message } from '../paxos/messages.js';

export interface NodeCondition {
  readonly isProven: boolean;
  readonly isFull: boolean;
  readonly diskStalls: boolean;
}

/** `ahead`: by how many configurations its sender is ahead of us. */
export function mayReachCore(
  message: Message,
  ahead: number,
  { isProven, isFull, diskStalls }: NodeCondition,
): boolean {
  // Who is behind is only told what is decided, also before we are proven: it may be whom we wait for.
  const isHeard = isProven || ahead !== 0 || onlyTeaches(message);
  // Who is ahead makes us ask for what we could not write now, and would be asked again at once.
  if (isFull && (ahead > 0 || bearsEntries(message))) return false;
  return isHeard && !(diskStalls && (ahead > 0 || needsDisk(message)));
}

/** What a peer relies on: it is said with how far the store had come, so that one that was set back behind it is known. */
export function vouches({ type }: Message): boolean {
  return type === 'promise' || type === 'accepted';
}

/** Before its peers know it, a voter only learns: nothing that it would say could be believed (D8, D9). */
function onlyTeaches(message: Message): boolean {
  return message.type === 'learn' || message.type === 'compacted';
}

/** What would have to be written before it is answered: it would pile up in memory, and its sender asks again. */
function needsDisk(message: Message): boolean {
  return message.type === 'prepare' || bearsEntries(message);
}

/** What would have to be written: on a full disk it is passed over, and the leader says it again. */
function bearsEntries(message: Message): boolean {
  if (message.type === 'acceptSync') return true;
  return (message.type === 'accept' || message.type === 'learn') && message.entries.length > 0;
}
