/**
 * Join tokens, kept by the log itself: so any member may be asked to let a node in, and a token is used once whoever is
 * asked, because the first use in slot order wins (machine/tokens.ts). Using one makes the node a member; the membership
 * of the log follows it, as a learner. Where that fails, or the answer is lost, the node asks again and both are done as
 * far as they are not: a token is never used up without its node coming in.
 */
import { nodeFiles } from '../../adapters/node-files.js';
import { SnapcommitError } from '../../errors.js';
import type { Operation, Outcome, UseToken } from '../../machine/entry.js';
import { ADDRESS_LAW, parseAddress } from '../../machine/address.js';
import { lookup } from '../../machine/record.js';
import { useRefusal } from '../../machine/tokens.js';
import { assertStamps } from '../../participant/stamps.js';
import type { Clock } from '../../ports/clock.js';
import type { ClusterLog } from '../../ports/cluster-log.js';
import type { ReplicatedLog } from '../../ports/log.js';
import type { Joiner, TokenLedger } from '../../ports/token-ledger.js';
import { without } from './member-sets.js';
import { decodeAbout } from './welcome.js';

export function logLedger(log: ReplicatedLog & ClusterLog, clock: Pick<Clock, 'now'>): TokenLedger {
  return {
    async add({ hash, expiresAt, node }) {
      await assertStamps(nodeFiles, await log.read(), log);
      refuse(await appendKnown(log, { type: 'addToken', hash, expires: expiresAt, node }));
    },
    async check(hash, joiner) {
      const problem = useRefusal(await log.read(), useOf(hash, joiner), clock.now());
      if (problem !== null) throw new SnapcommitError(problem.code, problem.message, problem.details);
      assertNotOnlyVoter(log, joiner.node);
    },
    async consume(hash, joiner) {
      const use = useOf(hash, joiner);
      await assertStamps(nodeFiles, await log.read(), log);
      assertNotOnlyVoter(log, joiner.node);
      refuse(await appendKnown(log, use));
      const { members } = await afterUse(joiner.node, async () => {
        await addLearner(log, joiner.node);
        return log.read();
      });
      if (lookup(members, joiner.node) === undefined) throw removedSince(joiner.node);
    },
  };
}

function useOf(hash: string, { node, key, about }: Joiner): UseToken {
  return { type: 'useToken', hash, node, key, address: usableAddress(about) };
}

/** What a stranger says of itself, before anything is done with it. @throws USAGE */
function usableAddress(about: Uint8Array): string {
  const { address } = decodeAbout(about);
  if (parseAddress(address) !== null) return address;
  const message = `${JSON.stringify(address)} is no address at which the others could reach it; write ${ADDRESS_LAW}.`;
  throw new SnapcommitError('USAGE', message, { address });
}

/** Before its address is overwritten by one that cannot come in. @throws IN_USE */
function assertNotOnlyVoter(log: ClusterLog, node: string): void {
  without(log.replicaStatus().configuration, node);
}

/** The token is used: whatever fails now, the node may be in, and asks again. */
async function afterUse<T>(node: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof SnapcommitError && error.code === 'IN_USE') throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new SnapcommitError(
      'OUTCOME_UNKNOWN',
      `the token was used for ${node}, and it is not known whether it is a learner yet: ${reason}`,
      { node },
      error,
    );
  }
}

/** A voter of that name becomes a learner: whoever joins anew under it has an empty store. */
async function addLearner(log: ClusterLog, node: string): Promise<void> {
  await log.reconfigure((now) => {
    const { voters, learners } = without(now, node);
    return { voters, learners: [...learners, node] };
  });
}

function removedSince(node: string): SnapcommitError {
  return new SnapcommitError(
    'EXPECTATION_FAILED',
    `${node} was removed from the cluster while it joined; make a new token for it if it shall join all the same`,
    { node },
  );
}

/** @throws UNAVAILABLE, OUTCOME_UNKNOWN */
export async function appendKnown(log: ReplicatedLog, operation: Operation): Promise<Outcome> {
  const result = await log.append(operation);
  if (result.status === 'chosen') return result.outcome;
  if (result.status === 'notDone') throw new SnapcommitError('UNAVAILABLE', `nothing was done: ${result.reason}`);
  throw new SnapcommitError('OUTCOME_UNKNOWN', `it is not known whether it was done: ${result.reason}. Ask again`);
}

export function refuse(outcome: Outcome): void {
  if (!outcome.ok) throw new SnapcommitError(outcome.code, outcome.message, outcome.details);
}
