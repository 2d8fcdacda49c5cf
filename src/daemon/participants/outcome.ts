/** What became of a call. */
import { SnapcommitError, type ErrorCode } from '../../errors.js';
import { encodeCbor } from '../../wire/cbor.js';
import { plain, type Check } from '../../wire/shape.js';
import { errorOf, unexpected, wireErrorOf, wireErrorShape, type WireError } from '../wire-error.js';
import { ANSWER_BYTES_MAX } from './protocol.js';

export type Outcome =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: WireError };

export const outcomeShape: Check<Outcome> = (value, where) => {
  const found = plain(value, where);
  if (found['ok'] === true) return { ok: true, value: found['value'] };
  return { ok: false, error: wireErrorShape(found['error'], `${where}.error`) };
};

/** Never rejects; an answer that is too large to travel is an error. */
export async function outcomeOf(work: () => Promise<unknown>): Promise<Outcome> {
  try {
    const outcome: Outcome = { ok: true, value: await work() };
    const size = outcomeBytes(outcome);
    if (size <= ANSWER_BYTES_MAX) return outcome;
    return failed('UNSUPPORTED', `the answer has ${String(size)} bytes; at most ${String(ANSWER_BYTES_MAX)} are sent`);
  } catch (error) {
    return { ok: false, error: wireErrorOf(error) };
  }
}

export function outcomeBytes(outcome: Outcome): number {
  return encodeCbor(outcome).length;
}

export function failed(code: ErrorCode, message: string): Outcome {
  return { ok: false, error: { code, message, details: {} } };
}

/** The value. @throws what the error says; of another node its message names that node, and so do its details. */
export function valueOf(outcome: Outcome, node: string | null): unknown {
  if (outcome.ok) return outcome.value;
  const { code, message, details } = outcome.error;
  if (node === null) throw errorOf(outcome.error);
  if (code === null) throw unexpected(message, node);
  throw new SnapcommitError(code, `node ${node}: ${message}`, { ...details, node });
}
