/** How a call reaches the participant of any node. Types only. */
import type { CallName } from './call-name.js';
import type { Call, PhaseTold } from './protocol.js';

export interface Asker {
  /**
   * What the node answers, checked or to be checked by its shape. The call is begun once, however often it is asked under
   * this name. @throws NODE_NOT_FOUND; UNAVAILABLE; what the node refuses it with.
   */
  ask(node: string, name: CallName, call: Call): Promise<unknown>;
}

/** A command's way to the other nodes: its own node's daemon. */
export interface ClusterAccess extends Asker {
  /** For people who ask `status`; nobody waits for it, and it may get lost. */
  tellPhase(told: PhaseTold): void;
}
