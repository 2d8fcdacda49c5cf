/** When a leader lets what is to be proposed wait for what comes after it, instead of proposing it at once. */
import { lastSlot } from '../paxos/contiguous-log.js';
import type { Replica } from '../paxos/state.js';
import type { GroupCommit } from './group-commit.js';

export interface UnderWay {
  readonly commit: Pick<GroupCommit, 'isSyncing' | 'gathered'>;
  readonly replica: Pick<Replica, 'decided' | 'log'>;
}

/** Nothing more is proposed while so many writes wait behind the batch that the leader's own disk works on. */
const WRITES_MAX = 16;

/**
 * While entries are under way and the own disk works, what comes gathers: one proposal, one message and one sync for all of
 * it. Where the others' disks have decided all that was proposed, nothing is won by waiting for the own one, up to a bound:
 * a disk that hangs must not fill the memory. Whatever makes this false has the callers looked after again: a step, a
 * batch that is durable, and one that is handed to the disk.
 */
export function gathers({ commit, replica }: UnderWay): boolean {
  const isUnderWay = replica.decided < lastSlot(replica.log);
  return commit.isSyncing && (isUnderWay || commit.gathered >= WRITES_MAX);
}
