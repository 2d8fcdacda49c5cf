/** `app@12`: how a generation is named, everywhere. PURE. */
import { isName } from './names.js';

export interface GenerationKey {
  readonly group: string;
  readonly generation: number;
}

const NUMBER = /^[1-9][0-9]{0,15}$/;

export function generationKey(group: string, generation: number): string {
  return `${group}@${String(generation)}`;
}

/** Reads `app@12` back; null for anything else (no group name, leading zeros, numbers above 2^53 - 1). */
export function parseGenerationKey(text: string): GenerationKey | null {
  const at = text.indexOf('@');
  if (at < 0) return null;
  const group = text.slice(0, at);
  const digits = text.slice(at + 1);
  const generation = Number(digits);
  if (!isName(group) || !NUMBER.test(digits) || !Number.isSafeInteger(generation)) return null;
  return { group, generation };
}
