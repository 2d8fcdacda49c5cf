/** Which of a peer's messages may reach the core, by what this node may say in answer. PURE. */
import type { Message } from '../paxos/messages.js';

/** Before its peers know it, a voter only learns: nothing that it would say could be believed (D8, D9). */
export function onlyTeaches(message: Message): boolean {
  return message.type === 'learn' || message.type === 'compacted';
}

/** What would have to be written: on a full disk it is passed over, and the leader says it again. */
export function bearsEntries(message: Message): boolean {
  if (message.type === 'acceptSync') return true;
  return (message.type === 'accept' || message.type === 'learn') && message.entries.length > 0;
}
