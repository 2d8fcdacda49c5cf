/** A state and an outcome as lines that a person can review. */
import { canonicalJson } from '#src/machine/digest.js';
import type { Outcome } from '#src/machine/entry.js';
import { allPins, allPending, openTransactions } from '#src/machine/queries.js';
import type { ArchiveChange, GroupState, Run, Session, State } from '#src/machine/state.js';

export function outcomeLines(slot: number, outcome: Outcome, archive: readonly ArchiveChange[]): readonly string[] {
  const lines = archive.map(archiveLine);
  if (!outcome.ok) {
    const first = `slot ${String(slot)}: ${outcome.code} ${canonicalJson(outcome.details)}`;
    return [first, `  ${outcome.message}`, ...lines];
  }
  const generation = outcome.generation === null ? '' : ` generation ${String(outcome.generation)}`;
  const transaction = outcome.transaction === null ? '' : ` transaction ${outcome.transaction}`;
  return [`slot ${String(slot)}: ok${generation}${transaction}`, ...lines];
}

function archiveLine(change: ArchiveChange): string {
  if (change.kind === 'delete') return `  archive delete ${change.group}@${String(change.generation)}`;
  const { group, generation, committedAt } = change.record;
  return `  archive put ${group}@${String(generation)} committedAt ${String(committedAt)}`;
}

export function stateLines(state: State): readonly string[] {
  return [
    `applied ${String(state.applied)} clock ${String(state.clock)}`,
    ...Object.values(state.volumes).map(
      ({ record, forfeited }) => `volume ${record.name} on ${record.node}${forfeited ? ' forfeited' : ''}`,
    ),
    ...Object.values(state.groups).map(groupLine),
    ...Object.entries(state.retiredNewest).map(([group, newest]) => `removed group ${group}: newest ${String(newest)}`),
    ...openTransactions(state).map(({ begin, epoch, takenOver }) => {
      const owner = takenOver ? ' taken over' : '';
      return `open ${begin.transaction} ${begin.mode} of ${begin.group}, epoch ${String(epoch.incarnation)}.${String(epoch.slot)}${owner}`;
    }),
    ...state.finished.map(({ transaction, decision }) =>
      decision.kind === 'committed'
        ? `finished ${transaction} committed ${String(decision.generation)}`
        : `finished ${transaction} aborted ${decision.code}`,
    ),
    ...allPending(state).map(
      ({ record, nodes }) => `pending ${record.group}@${String(record.generation)}: ${nodes.join(' ')}`,
    ),
    ...Object.entries(state.holds).map(([key, tags]) => `held ${key}: ${tags.join(' ')}`),
    ...allPins(state).map(({ pin, group, generation }) => `pin ${pin} on ${group}@${String(generation)}`),
    ...sessionsOf(state).map(
      ([request, { slot, decision }]) =>
        `request ${request} since ${String(slot)}${decision ? ` ${decision.kind}` : ''}`,
    ),
    ...appendLines(state),
    ...Object.entries(state.members).map(
      ([node, { address, draining }]) => `member ${node} at ${address}${draining === true ? ' draining' : ''}`,
    ),
    ...Object.entries(state.tokens).map(
      ([hash, { expires, node, usedBy }]) =>
        `token ${hash.slice(0, 2)} until ${String(expires)}${node === null ? '' : ` for ${node}`}${usedBy === null ? '' : ` used by ${usedBy}`}`,
    ),
  ];
}

function appendLines({ appends }: State): readonly string[] {
  const lines = Object.values(appends.clients)
    .flatMap((bucket) => Object.entries(bucket))
    .map(([client, { forgotten, answers }]) => {
      const known = answers.map(({ sequence, slot }) => `${String(sequence)} in slot ${String(slot)}`).join(', ');
      return `client ${client}, forgotten to ${String(forgotten)}: ${known}`;
    });
  return appends.forgotten === 0 ? lines : [`appends forgotten to ${String(appends.forgotten)}`, ...lines];
}

/** In the order of their slots. */
function sessionsOf(state: State): readonly (readonly [request: string, session: Session])[] {
  return Object.values(state.sessions)
    .flatMap((bucket) => Object.entries(bucket))
    .sort(([, a], [, b]) => a.slot - b.slot);
}

function groupLine({ record, newest, live, incomplete, contents }: GroupState): string {
  const parts = [
    `group ${record.name}: volumes ${record.volumes.join(' ')}`,
    `newest ${String(newest)}`,
    `live ${runsText(live)}`,
    `incomplete ${runsText(incomplete)}`,
    ...Object.entries(contents).map(([volume, runs]) => `${volume} in ${runsText(runs)}`),
  ];
  return parts.join('; ');
}

function runsText(runs: readonly Run[]): string {
  if (runs.length === 0) return 'none';
  return runs.map(([first, last]) => (first === last ? String(first) : `${String(first)}-${String(last)}`)).join(' ');
}
