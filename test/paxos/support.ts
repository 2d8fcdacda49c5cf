/** What the core's tests share: names, entries, and one message handed to a replica. */
import { ballot, nodeId, type Ballot } from '#src/paxos/ballot.js';
import type { Configuration } from '#src/paxos/configuration.js';
import { entriesAfter, logFrom, slot, type LogEntry } from '#src/paxos/contiguous-log.js';
import type { Effect, Input } from '#src/paxos/effects.js';
import type { Message } from '#src/paxos/messages.js';
import { step, type Step } from '#src/paxos/replica.js';
import { NOTHING_DURABLE, restore, type Durable, type Replica } from '#src/paxos/state.js';

export const [a, b, c] = [nodeId('a'), nodeId('b'), nodeId('c')];
export const three: Configuration = { id: 1, voters: [a, b, c], learners: [], after: slot(0) };
export const one: Configuration = { id: 1, voters: [a], learners: [], after: slot(0) };

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function textOf(entry: LogEntry): string {
  return new TextDecoder().decode(entry.bytes);
}

export function entries(under: Ballot, ...texts: readonly string[]): readonly LogEntry[] {
  return texts.map((text) => ({ ballot: under, bytes: bytes(text), next: null }));
}

export function ballotOf(round: number, node = a): Ballot {
  return ballot(round, node);
}

/** A replica that comes back with this on its disk. */
export function replicaWith(durable: Partial<Durable> = {}, self = a, configuration = three): Replica {
  return restore(self, configuration, { ...NOTHING_DURABLE, ...durable });
}

export function logOf(...held: readonly LogEntry[]): Durable['log'] {
  return logFrom(slot(0), held);
}

export function receive(state: Replica, from: typeof a, message: Message): Step {
  return step(state, { kind: 'receive', from, configuration: 1, message });
}

/** Several inputs one after the other, with all of their effects. */
export function steps(state: Replica, ...inputs: readonly Input[]): Step {
  let now = state;
  const effects: Effect[] = [];
  for (const input of inputs) {
    const next = step(now, input);
    now = next.state;
    effects.push(...next.effects);
  }
  return { state: now, effects };
}

export function sent(effects: readonly Effect[]): readonly (Message & { readonly to: string })[] {
  return effects.flatMap((effect) =>
    effect.kind === 'send' ? [{ ...effect.envelope.message, to: effect.envelope.to }] : [],
  );
}

export function kinds(effects: readonly Effect[]): readonly string[] {
  return effects.map((effect) => effect.kind);
}

export function texts(state: Replica): readonly string[] {
  return entriesAfter(state.log, state.log.base).map(textOf);
}
