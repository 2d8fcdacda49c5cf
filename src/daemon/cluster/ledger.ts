/**
 * Join tokens, kept by the log itself: so any member may be asked to let a node in, and a token is used once whoever is
 * asked, because the first use in slot order wins (machine/tokens.ts). Using one makes the node a member; the membership
 * of the log follows it, as a learner.
 */
import { nodeFiles } from '../../adapters/node-files.js';
import { SnapcommitError } from '../../errors.js';
import type { Operation, Outcome } from '../../machine/entry.js';
import { ADDRESS_LAW, parseAddress } from '../../machine/address.js';
import { lookup } from '../../machine/record.js';
import { assertStamps } from '../../participant/stamps.js';
import type { ClusterLog } from '../../ports/cluster-log.js';
import type { ReplicatedLog } from '../../ports/log.js';
import type { TokenLedger } from '../../ports/token-ledger.js';
import { decodeAbout } from './welcome.js';

export function logLedger(log: ReplicatedLog & ClusterLog): TokenLedger {
  return {
    async add({ hash, expiresAt, node }) {
      await assertStamps(nodeFiles, await log.read(), log);
      refuse(await appendKnown(log, { type: 'addToken', hash, expires: expiresAt, node }));
    },
    async find(hash) {
      const token = lookup((await log.read()).tokens, hash);
      if (token === undefined) return null;
      return { hash, expiresAt: token.expires, node: token.node, used: token.usedBy !== null };
    },
    async consume(hash, { node, about }) {
      const address = usableAddress(about);
      await assertStamps(nodeFiles, await log.read(), log);
      const outcome = await appendKnown(log, { type: 'useToken', hash, node, address });
      if (!outcome.ok && outcome.code === 'TOKEN_REFUSED' && outcome.details['reason'] === 'used') return false;
      refuse(outcome);
      await addLearner(log, node);
      return true;
    },
  };
}

/** What a stranger says of itself, before anything is done with it. @throws USAGE */
function usableAddress(about: Uint8Array): string {
  const { address } = decodeAbout(about);
  if (parseAddress(address) !== null) return address;
  const message = `${JSON.stringify(address)} is no address at which the others could reach it; write ${ADDRESS_LAW}.`;
  throw new SnapcommitError('USAGE', message, { address });
}

/** A voter of that name becomes a learner: whoever joins anew under it has an empty store. */
async function addLearner(log: ClusterLog, node: string): Promise<void> {
  const { voters, learners } = log.replicaStatus().configuration;
  const others = voters.filter((one) => one !== node);
  if (learners.some((one) => one === node)) return;
  await log.reconfigure({ voters: others, learners: [...learners, node] });
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
