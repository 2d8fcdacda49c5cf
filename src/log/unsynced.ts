/**
 * What may leave while something of this replica is not synced yet. A crash may take back what was promised or accepted
 * since the last sync, so nothing that vouches for it passes. These vouch for nothing of ours: they tell that we live,
 * what we would do, what a majority's disks have chosen, or that we have done nothing.
 */
import { unreachable } from '../errors.js';
import type { Effect } from '../paxos/effects.js';
import type { Message } from '../paxos/messages.js';

export function passesUnsynced(effect: Effect): boolean {
  switch (effect.kind) {
    case 'send':
      return effect.envelope.to !== effect.envelope.from && messagePasses(effect.envelope.message);
    case 'rejected':
    case 'readable':
    case 'readRefused':
    case 'reconfigureRefused':
    case 'checkpointNeeded':
      return true;
    case 'persist':
    case 'proposed':
    case 'chosen':
    case 'reconfiguring':
    case 'configured':
    case 'retired':
    case 'healed':
      return false;
    default:
      return unreachable(effect);
  }
}

/**
 * `confirmed` says "I have promised nothing higher": true of what we hold in memory, which is never behind the disk.
 * `learn` has to wait: a voter that is alone has decided what only its own disk will hold.
 */
function messagePasses(message: Message): boolean {
  switch (message.type) {
    case 'heartbeat':
    case 'heartbeatReply':
    case 'confirm':
    case 'confirmed':
    case 'decide':
    case 'fetch':
    case 'handover':
      return true;
    case 'prepare':
    case 'promise':
    case 'acceptSync':
    case 'accept':
    case 'accepted':
    case 'nack':
    case 'compacted':
    case 'learn':
      return false;
    default:
      return unreachable(message);
  }
}
