/**
 * What coordinators of this node last told of their transactions: in which phase each is, on which node, since when. For
 * people who ask `status`, on any node (G7); nothing is decided by it. Kept in memory while the transaction is open.
 */
import type { TransactionId } from '../../machine/entry.js';
import type { Clock } from '../../ports/clock.js';
import type { PhaseReport, PhaseTold } from './protocol.js';

/** Transactions that are told of at once; who was told of least recently makes room. */
const KEPT_MAX = 256;

interface Since {
  readonly phase: string;
  readonly since: number;
}

interface Known extends Since {
  readonly hosts: ReadonlyMap<string, Since>;
}

export class Phases {
  readonly #clock: Clock;
  /** The open ones; null: not known now. */
  readonly #open: () => ReadonlySet<string> | null;
  readonly #known = new Map<TransactionId, Known>();

  constructor(clock: Clock, open: () => ReadonlySet<string> | null) {
    this.#clock = clock;
    this.#open = open;
  }

  tell({ transaction, phase, hosts }: PhaseTold): void {
    const before = this.#known.get(transaction);
    const now = this.#clock.now();
    const since = (earlier: Since | undefined, current: string): Since =>
      earlier?.phase === current ? earlier : { phase: current, since: now };
    const byHost = new Map(before?.hosts);
    for (const [node, at] of Object.entries(hosts)) byHost.set(node, since(before?.hosts.get(node), at));
    this.#known.delete(transaction);
    this.#known.set(transaction, { ...since(before, phase), hosts: byHost });
    if (this.#known.size > KEPT_MAX) this.#sweep();
    for (const [oldest] of this.#known) {
      if (this.#known.size <= KEPT_MAX) break;
      this.#known.delete(oldest);
    }
  }

  /** Of every open transaction that was told of. */
  all(): readonly PhaseReport[] {
    this.#sweep();
    return [...this.#known].map(([transaction, { phase, since, hosts }]) => ({
      transaction,
      phase,
      since,
      hosts: [...hosts].map(([node, at]) => ({ node, phase: at.phase, since: at.since })),
    }));
  }

  #sweep(): void {
    const open = this.#open();
    if (open === null) return;
    for (const transaction of this.#known.keys()) if (!open.has(transaction)) this.#known.delete(transaction);
  }
}
