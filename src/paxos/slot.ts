/** A place in the log. PURE. */
import { assertInvariant } from '../errors.js';

/** A slot of the log, counted from 1 and through all configurations. 0 stands for "before the first". */
export type Slot = number & { readonly __brand: 'Slot' };

export function slot(value: number): Slot {
  assertInvariant(Number.isSafeInteger(value) && value >= 0, 'I5', `a slot cannot be ${String(value)}`);
  return value as Slot;
}
