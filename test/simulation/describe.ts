/** Messages and nodes in a line each, for the story of a failing world. */
import { decodeWire } from '#src/log/wire.js';

/** A message in a line: its kind and its numbers. */
export function describe(bytes: Uint8Array): string {
  const message = decodeWire(bytes);
  if (message.type !== 'core') return JSON.stringify(message, shorten);
  return `(${String(message.configuration)}) ${JSON.stringify(message.message, shorten)}`;
}

function shorten(key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return `${String(value.length)} bytes`;
  if (typeof value === 'object' && value !== null && 'round' in value && 'node' in value)
    return `${String(value.round)}.${String(value.node)}`;
  if ((key === 'entries' || key === 'suffix') && Array.isArray(value)) return value.length;
  return value;
}
