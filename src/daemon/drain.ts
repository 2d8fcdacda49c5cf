/** What still waits for a node, so that whoever drains it knows when it can go. */
import type { State } from '../machine/state.js';
import { allPending, allPins, openTransactions } from '../machine/queries.js';
import { generationKey } from '../machine/keys.js';
import { compareText } from '../machine/record.js';
import { isDraining } from '../machine/draining.js';
import { nodesNamedByTargets } from '../machine/freeze-targets.js';
import type { DrainReport } from './reports.js';

export function drainReport(state: State, node: string): DrainReport {
  const volumes = Object.values(state.volumes).filter(({ record, forfeited }) => record.node === node && !forfeited);
  const groups = Object.values(state.groups).filter(({ record }) => nodesNamedByTargets(record).includes(node));
  const open = openTransactions(state).filter(
    ({ begin, coordinator }) => coordinator.node === node || begin.members.some((member) => member.node === node),
  );
  return {
    node,
    draining: isDraining(state, node),
    volumes: volumes.map(({ record }) => record.name).sort(compareText),
    groups: groups.map(({ record }) => record.name).sort(compareText),
    transactions: open.map(({ begin }) => begin.transaction),
    pendingPublish: allPending(state)
      .filter(({ nodes }) => nodes.includes(node))
      .map(({ record }) => generationKey(record.group, record.generation)),
    pins: allPins(state)
      .filter(({ holder }) => holder.node === node)
      .map(({ group, generation }) => generationKey(group, generation)),
  };
}
