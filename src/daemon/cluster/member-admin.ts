/** The cluster's administration as this member's daemon serves it. Every request may come twice. */
import { nodeFiles } from '../../adapters/node-files.js';
import { SnapcommitError, type ErrorCode } from '../../errors.js';
import { lookup } from '../../machine/record.js';
import type { State } from '../../machine/state.js';
import { assertStamps } from '../../participant/stamps.js';
import type { Configuration } from '../../paxos/configuration.js';
import type { ClusterLog, MemberChange } from '../../ports/cluster-log.js';
import type { ReplicatedLog } from '../../ports/log.js';
import type { Timers } from '../../ports/timers.js';
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
import { assertNoLearner, isMemberOf, unknownMember, without, withReplacement, withVoter } from './member-sets.js';
import { PROVEN_WAIT_MS } from './patience.js';
import { addressesIn } from './peers.js';

const PROVEN_POLL_MS = 50;

/** By which the sets of members refuse a change (member-sets.ts). */
const LEFT_AS_IT_WAS: readonly ErrorCode[] = ['IN_USE', 'NODE_NOT_FOUND', 'EXPECTATION_FAILED'];

/** What this member sees of the others. */
export interface MemberView {
  status(): ClusterStatus;
  /** Whether that member's peers know its store. */
  isProven(node: string): boolean;
  isReached(node: string): boolean;
  /** How long it takes them at this heartbeat, from when they meet it. */
  readonly judgedWithinMs: number;
}

export class MemberAdmin implements ClusterAdmin {
  readonly #log: ReplicatedLog & ClusterLog;
  readonly #ledger: TokenLedger;
  readonly #certificates: Pick<Certificates, 'issueToken' | 'renew'>;
  readonly #view: MemberView;
  readonly #timers: Timers;

  constructor(
    log: ReplicatedLog & ClusterLog,
    ledger: TokenLedger,
    certificates: Pick<Certificates, 'issueToken' | 'renew'>,
    view: MemberView,
    timers: Timers,
  ) {
    this.#log = log;
    this.#ledger = ledger;
    this.#certificates = certificates;
    this.#view = view;
    this.#timers = timers;
  }

  async status(): Promise<ClusterStatus> {
    return Promise.resolve(this.#view.status());
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
    const now = this.#configuration();
    if (!isMemberOf(now, node)) throw unknownMember(node);
    if (!now.voters.some((one) => one === node)) await this.#untilProven(node);
    return this.#change((members) => withVoter(members, node));
  }

  async removeMember(node: string, forfeit: boolean): Promise<MembershipChange> {
    return this.#changeWithout(node, forfeit, (members) => without(members, node));
  }

  async replaceMember(old: string, next: string): Promise<MembershipChange> {
    if (old === next) throw itsOwnPlace(old);
    await this.#current();
    const now = this.#configuration();
    if (!isMemberOf(now, next)) throw unknownMember(next);
    // Before its name goes: where it becomes a learner later, the change is refused, and the name put back.
    assertNoLearner(now, old, next);
    // Where it votes, this was done before.
    if (!now.voters.some((one) => one === next)) await this.#untilProven(next);
    return this.#changeWithout(old, false, (members) => withReplacement(members, old, next));
  }

  async renewCertificate(): Promise<RenewedCertificate> {
    return this.#certificates.renew();
  }

  /**
   * A new store under a name that was in use before must be found out while it is a learner: as a voter it would have to
   * abstain (D8), and the vote that it was to bring would be missing.
   */
  async #untilProven(node: string): Promise<void> {
    for (let leftMs = PROVEN_WAIT_MS; !this.#view.isProven(node); leftMs -= PROVEN_POLL_MS) {
      if (leftMs <= 0) throw this.#view.isReached(node) ? notJudged(node, this.#view) : notHeardOf(node);
      await new Promise<void>((resolve) => this.#timers.after(PROVEN_POLL_MS, resolve));
    }
  }

  /**
   * First the name, which is refused while volumes are there, or goes with them; then the vote. Where the vote stays, so
   * does the name.
   */
  async #changeWithout(node: string, forfeit: boolean, change: MemberChange): Promise<MembershipChange> {
    const address = await this.#forgetName(node, forfeit);
    try {
      return await this.#change(change);
    } catch (error) {
      if (!(error instanceof SnapcommitError) || error.code === 'OUTCOME_UNKNOWN') throw error;
      if (!LEFT_AS_IT_WAS.includes(error.code)) throw halfGone(node, error);
      if (address !== null) refuse(await appendKnown(this.#log, { type: 'putMember', node, address }));
      throw error;
    }
  }

  /** Answers where that node was; null: its name was gone already, by a command that was interrupted or not answered. */
  async #forgetName(node: string, forfeit: boolean): Promise<string | null> {
    const { members, departed } = await this.#current();
    const named = lookup(members, node);
    const now = this.#configuration();
    if (named === undefined) {
      if (isMemberOf(now, node) || departed.includes(node)) return null;
      throw unknownMember(node);
    }
    if (now.voters.length === 1 && now.voters[0] === node)
      throw new SnapcommitError('IN_USE', `${node} is the only voter; add another one first.`, { node });
    refuse(await appendKnown(this.#log, { type: 'removeMember', node, forfeit }));
    return named.address;
  }

  /** A rolled-back log changes no membership: in a cluster of one nobody else would notice (D9). */
  async #current(): Promise<State> {
    const state = await this.#log.read();
    await assertStamps(nodeFiles, state, this.#log);
    return state;
  }

  /** Worked out from what the members are when it comes to it, not from what they were when it was asked for. */
  async #change(change: MemberChange): Promise<MembershipChange> {
    return changeOf(await this.#log.reconfigure(change));
  }

  #configuration(): Configuration {
    return this.#log.replicaStatus().configuration;
  }
}

function changeOf({ id, voters, learners }: Configuration): MembershipChange {
  return { configuration: id, voters: [...voters].sort(), learners: [...learners].sort() };
}

function itsOwnPlace(node: string): SnapcommitError {
  return new SnapcommitError(
    'USAGE',
    `${node} cannot take its own place; name the learner that shall take it. Nothing was changed`,
    { node },
  );
}

function halfGone(node: string, error: SnapcommitError): SnapcommitError {
  return new SnapcommitError(
    'OUTCOME_UNKNOWN',
    `${node} has lost its name in this cluster, and every volume that was given up with it, but not its place among voters and learners: ${error.message}. Run the same command again: it goes on from there`,
    { node },
    error,
  );
}

function notHeardOf(node: string): SnapcommitError {
  return unproven(node, `${node} has not been heard of`, 'Start its daemon, and look at its log');
}

function notJudged(node: string, { judgedWithinMs }: MemberView): SnapcommitError {
  const seconds = String(Math.ceil(judgedWithinMs / 1000));
  return unproven(
    node,
    `${node} is connected, but its peers have not judged its store yet`,
    `With this heartbeat that takes them up to ${seconds} s from its daemon's start: run it again then. Where it takes longer, look at its log`,
  );
}

/** `waited`: whoever asks again at once only waits as long again. */
function unproven(node: string, why: string, next: string): SnapcommitError {
  const message = `${why}, so it cannot be let vote; nothing was changed. ${next}`;
  return new SnapcommitError('UNAVAILABLE', message, { node, waited: true });
}
