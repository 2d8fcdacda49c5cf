/** What a replica tells people when a change of its members does not come about, or may have. */
import { SnapcommitError } from '../errors.js';
import type { ReconfigurationRefusal } from '../paxos/effects.js';
import type { MemberSet } from '../ports/cluster-log.js';

export function manyChanges(count: number): SnapcommitError {
  return new SnapcommitError(
    'BUSY',
    `${String(count)} changes of members wait on this node already; wait until they end, or see \`snapcommit cluster status\``,
    { count },
  );
}

/** Whoever leads has refused every attempt, or nobody led. */
export function notChanged(timeoutMs: number, refusal: ReconfigurationRefusal | null): SnapcommitError {
  const why =
    refusal === 'behind'
      ? 'no majority of the new voters holds the log yet; wait until they caught up'
      : 'no leader carried it out';
  return new SnapcommitError(
    'UNAVAILABLE',
    `the change of members did not come about within ${String(timeoutMs)} ms: ${why}. Voters and learners are the same as before; see \`snapcommit cluster status\``,
    { refusal },
  );
}

/** It stands in a log, or is on its way into one. */
export function changeUnknown(why: string): SnapcommitError {
  return new SnapcommitError(
    'OUTCOME_UNKNOWN',
    `it is not known whether the members were changed: ${why}, and it may still be carried out. Ask for the same again: what is done already is not done twice; \`snapcommit cluster status\` shows the members`,
  );
}

export function membersImpossible({ voters, learners }: MemberSet): SnapcommitError {
  return new SnapcommitError(
    'USAGE',
    `the members cannot be voters ${voters.join(', ')} and learners ${learners.join(', ')}: there must be a voter, nobody twice, and who is new comes as a learner first`,
    { voters: [...voters], learners: [...learners] },
  );
}
