/**
 * What is open in the cluster, for people (G7): each transaction with its phase, who is waited for, and since when. The log
 * says what is open; how far it is only its coordinator knows, so that one's node is asked.
 */
import type { TransactionId } from '../machine/entry.js';
import type { OpenTransaction, State } from '../machine/state.js';
import { openTransactions } from '../machine/queries.js';
import { sortedUnique } from '../machine/record.js';
import { messageOf } from '../participant/publish.js';
import { finishedReport, openReport, timeOf } from './documents.js';
import type { PhaseReport, Problem } from './participants/protocol.js';
import type { OpenTransactionReport, TransactionReport } from './reports.js';

/** What is asked of other nodes for people's sake. */
export interface OtherNodes {
  of(
    node: string,
    signal?: AbortSignal | null,
  ): {
    phases(): Promise<readonly PhaseReport[]>;
    verify(group: string, generation: number | null): Promise<readonly Problem[]>;
  };
}

/** Somebody waits for `status`; a node that does not answer by then is not known. */
const PHASES_WAIT_MS = 1500;
/** What a host's phase ends with once it has done its part. */
const DONE = ': done';

/** By node: what it says of its transactions, or why it says nothing. */
type Heard = ReadonlyMap<string, readonly PhaseReport[] | string>;

/** The decided ones that the log still knows, then the open ones, of which nobody drives those that are `gone`. */
export async function transactionReports(
  state: State,
  gone: ReadonlySet<TransactionId>,
  others: OtherNodes | null,
  now: number,
): Promise<readonly TransactionReport[]> {
  const seen = await openTransactionReports(state, others, now);
  const open = Object.values(state.open).map((transaction) => {
    const id = transaction.begin.transaction;
    return openReport(
      transaction,
      !gone.has(id),
      seen.find((one) => one.transaction === id),
    );
  });
  return [...state.finished.map((finished) => finishedReport(finished)), ...open];
}

/** Oldest first. `others` null: nobody can be asked. */
export async function openTransactionReports(
  state: State,
  others: OtherNodes | null,
  now: number,
): Promise<readonly OpenTransactionReport[]> {
  const open = openTransactions(state);
  const nodes = others === null ? [] : sortedUnique(open.map(({ coordinator }) => coordinator.node));
  const answers = nodes.map(async (node): Promise<readonly [string, readonly PhaseReport[] | string]> => {
    const signal = AbortSignal.timeout(PHASES_WAIT_MS);
    return [node, (await others?.of(node, signal).phases().catch(messageOf)) ?? []];
  });
  const heard: Heard = new Map(await Promise.all(answers));
  return open.map((transaction) => reportOf(transaction, heard, now));
}

function reportOf(transaction: OpenTransaction, heard: Heard, now: number): OpenTransactionReport {
  const { begin, coordinator, takenOver } = transaction;
  const said = heard.get(coordinator.node) ?? [];
  const told = typeof said === 'string' ? undefined : said.find((one) => one.transaction === begin.transaction);
  return {
    transaction: begin.transaction,
    group: begin.group,
    mode: begin.mode,
    coordinator: { node: coordinator.node, pid: coordinator.pid },
    beganAt: timeOf(transaction.beganAt),
    phase: told?.phase ?? null,
    waitingFor: told === undefined ? [] : waitingFor(told, coordinator.node, now),
    takenOver,
    unknownBecause: typeof said === 'string' ? said : null,
  };
}

/** Those that have not done their part of this phase; where no host is told of, the coordinator's own. */
function waitingFor(told: PhaseReport, coordinator: string, now: number): OpenTransactionReport['waitingFor'] {
  const hosts = told.hosts.length === 0 ? [{ node: coordinator, phase: told.phase, since: told.since }] : told.hosts;
  return hosts
    .filter(({ phase }) => !phase.endsWith(DONE))
    .map(({ node, phase, since }) => ({ node, phase, sinceMs: Math.max(0, Math.round(now - since)) }));
}
