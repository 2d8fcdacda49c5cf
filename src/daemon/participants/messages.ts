/**
 * Calls and replies as they travel between daemons. Who sent one is what the transport says, never what stands in it.
 * A reply without an outcome says that the call is being worked on.
 */
import { natural, nullable, object, text, type Check } from '../../wire/shape.js';
import { encodeAside } from '../aside.js';
import { callNameShape, type CallName } from './call-name.js';
import { outcomeShape, type Outcome } from './outcome.js';
import type { Call } from './protocol.js';

export interface CallMessage {
  readonly name: CallName;
  /** To be checked apart: a call that is not known here is answered, so that its sender hears why. */
  readonly call: unknown;
}

export interface Reply {
  readonly caller: string;
  readonly sequence: number;
  /** null: not yet. */
  readonly outcome: Outcome | null;
}

export function encodeCall(name: CallName, call: Call): Uint8Array {
  return encodeAside('call', { name, call });
}

export function encodeReply({ caller, sequence }: CallName, outcome: Outcome | null): Uint8Array {
  return encodeAside('reply', { caller, sequence, outcome } satisfies Reply);
}

const anything: Check<unknown> = (value) => value;
export const callMessageShape = object<CallMessage>({ name: callNameShape, call: anything });

export const replyShape = object<Reply>({ caller: text, sequence: natural, outcome: nullable(outcomeShape) });
