/** Installing a peer's checkpoint, with the membership that it stands in. PURE. */
import { assertInvariant } from '../errors.js';
import type { Configuration } from './configuration.js';
import { entriesAfter, lastSlot, logFrom, slot, type Slot } from './contiguous-log.js';
import { afterDeciding, enterConfiguration } from './learner.js';
import { becomeFollower } from './role.js';
import { change, type Turn } from './turn.js';

/**
 * Everything up to `at` is decided and in the checkpoint. What we accepted after it stays, since it may have been chosen;
 * where the checkpoint is of a later configuration, what we hold is of an ended one, and goes.
 */
export function install(turn: Turn, at: Slot, configuration: Configuration): void {
  const { decided, log } = turn.state;
  if (at <= decided) return;
  const { id, after } = configuration;
  assertInvariant(after <= at, 'I15', `a checkpoint of slot ${String(at)} stands in configuration ${String(id)}`);
  becomeFollower(turn);
  const rest = at < lastSlot(log) ? entriesAfter(log, at) : [];
  change(turn, { log: logFrom(at, rest), decided: at });
  turn.install = at;
  turn.replacedFrom = slot(at + 1);
  if (configuration.id > turn.state.configuration.id) enterConfiguration(turn, configuration);
  afterDeciding(turn);
}
