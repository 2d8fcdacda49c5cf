/** Colour: only on a terminal, and never where NO_COLOR is set. Pure. */
import type { Io, Output } from '../io.js';

const CODES = { red: 31, green: 32, yellow: 33 } as const;
type Colour = keyof typeof CODES;

export type Paint = (colour: Colour, text: string) => string;

export function paintOn(io: Io, output: Output): Paint {
  const noColour = io.env['NO_COLOR'];
  if (!output.isTTY || (noColour !== undefined && noColour !== '')) return (_colour, text) => text;
  return (colour, text) => `\u001b[${String(CODES[colour])}m${text}\u001b[0m`;
}
