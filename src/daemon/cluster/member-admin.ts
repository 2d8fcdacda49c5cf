/** The cluster's administration as this member's daemon serves it. Every request may come twice. */
import { setTimeout as delay } from 'node:timers/promises';
import { nodeFiles } from '../../adapters/node-files.js';
import { SnapcommitError } from '../../errors.js';
import { lookup } from '../../machine/record.js';
import type { State } from '../../machine/state.js';
import { assertStamps } from '../../participant/stamps.js';
import type { Configuration } from '../../paxos/configuration.js';
import type { ClusterLog, MemberSet } from '../../ports/cluster-log.js';
import type { ReplicatedLog } from '../../ports/log.js';
import type { TokenLedger } from '../../ports/token-ledger.js';
import type {
  ClusterAdmin,
  ClusterStatus,
  IssuedToken,
  MembershipChange,
  RenewedCertificate,
  TokenWish,
} from './admin.js';
import type { Certificates } from './certificates.js';
import { appendKnown, refuse } from './ledger.js';
import { addressesIn } from './peers.js';

const PROVEN_WAIT_MS = 30_000;
const PROVEN_POLL_MS = 50;

export class MemberAdmin implements ClusterAdmin {
  readonly #log: ReplicatedLog & ClusterLog;
  readonly #ledger: TokenLedger;
  readonly #certificates: Pick<Certificates, 'issueToken' | 'renew'>;
  readonly #status: () => ClusterStatus;
  /** Whether that member's peers know its store. */
  readonly #isProven: (node: string) => boolean;

  constructor(
    log: ReplicatedLog & ClusterLog,
    ledger: TokenLedger,
    certificates: Pick<Certificates, 'issueToken' | 'renew'>,
    seen: { readonly status: () => ClusterStatus; readonly isProven: (node: string) => boolean },
  ) {
    this.#log = log;
    this.#ledger = ledger;
    this.#certificates = certificates;
    this.#status = seen.status;
    this.#isProven = seen.isProven;
  }

  async status(): Promise<ClusterStatus> {
    return Promise.resolve(this.#status());
  }

  /** Names every member, this one first: any of them can let the node in. */
  async issueToken(wish: TokenWish): Promise<IssuedToken> {
    const { node: self } = this.#log.identity;
    const places = [...addressesIn(await this.#log.read())].sort(
      (a, b) => Number(b.node === self) - Number(a.node === self),
    );
    return this.#certificates.issueToken(
      wish,
      places.map(({ address }) => address),
      this.#ledger,
    );
  }

  async addVoter(node: string): Promise<MembershipChange> {
    await this.#current();
    const { voters, learners } = this.#configuration();
    if (voters.some((one) => one === node)) return changeOf(this.#configuration());
    if (!learners.some((one) => one === node)) throw unknown(node);
    await this.#untilProven(node);
    return this.#change({ voters: [...voters, node], learners: learners.filter((one) => one !== node) });
  }

  /** First the name, which is refused while volumes are there, or goes with them; then the vote. */
  async removeMember(node: string, forfeit: boolean): Promise<MembershipChange> {
    await this.#forgetName(node, forfeit);
    return this.#change(without(this.#configuration(), node));
  }

  async replaceMember(old: string, next: string): Promise<MembershipChange> {
    await this.#current();
    const { voters, learners } = this.#configuration();
    if (![...voters, ...learners].some((one) => one === next)) throw unknown(next);
    await this.#untilProven(next);
    await this.#forgetName(old, false);
    const left = without(this.#configuration(), old);
    return this.#change({
      voters: left.voters.includes(next) ? left.voters : [...left.voters, next],
      learners: left.learners.filter((one) => one !== next),
    });
  }

  async renewCertificate(): Promise<RenewedCertificate> {
    return this.#certificates.renew();
  }

  /**
   * A new store under a name that was in use before must be found out while it is a learner: as a voter it would have to
   * abstain (D8), and the vote that it was to bring would be missing.
   */
  async #untilProven(node: string): Promise<void> {
    for (let leftMs = PROVEN_WAIT_MS; !this.#isProven(node); leftMs -= PROVEN_POLL_MS) {
      if (leftMs <= 0) throw notHeardOf(node);
      await delay(PROVEN_POLL_MS);
    }
  }

  async #forgetName(node: string, forfeit: boolean): Promise<void> {
    const { members } = await this.#current();
    const { voters, learners } = this.#configuration();
    const isMember = [...voters, ...learners].some((one) => one === node);
    if (lookup(members, node) === undefined) {
      // Half removed by a command that was interrupted: the rest is done now.
      if (isMember) return;
      throw unknown(node);
    }
    if (voters.length === 1 && voters[0] === node)
      throw new SnapcommitError('IN_USE', `${node} is the only voter; add another one first.`, { node });
    refuse(await appendKnown(this.#log, { type: 'removeMember', node, forfeit }));
  }

  /** A rolled-back log changes no membership: in a cluster of one nobody else would notice (D9). */
  async #current(): Promise<State> {
    const state = await this.#log.read();
    await assertStamps(nodeFiles, state, this.#log);
    return state;
  }

  async #change(members: MemberSet): Promise<MembershipChange> {
    return changeOf(await this.#log.reconfigure(members));
  }

  #configuration(): Configuration {
    return this.#log.replicaStatus().configuration;
  }
}

function without({ voters, learners }: Configuration, node: string): MemberSet {
  return { voters: voters.filter((one) => one !== node), learners: learners.filter((one) => one !== node) };
}

function changeOf({ id, voters, learners }: Configuration): MembershipChange {
  return { configuration: id, voters: [...voters].sort(), learners: [...learners].sort() };
}

function notHeardOf(node: string): SnapcommitError {
  return new SnapcommitError(
    'UNAVAILABLE',
    `${node} has not been heard of, so it cannot be let vote; nothing was changed. Start its daemon, and look at its log`,
    { node },
  );
}

function unknown(node: string): SnapcommitError {
  return new SnapcommitError(
    'NODE_NOT_FOUND',
    `there is no member ${node}; \`snapcommit cluster members\` shows them, and \`snapcommit cluster join\` makes one.`,
    { node },
  );
}
