/** Judging what was typed: names, generations, counts, durations, labels, paths. USAGE or NAME_INVALID, saying the law. */
import { resolve } from 'node:path';
import { GRADES, isName, isToken, NAME_LAW } from '../config/names.js';
import { ADDRESS_LAW, DURATION_LAW, parseAddress, parseCount, parseDuration } from '../config/quantities.js';
import { SnapcommitError } from '../errors.js';
import type { Grade } from '../index.js';
import { usage } from './failure.js';

/** `what` says whose name it is, such as `volume`. */
export function nameOf(what: string, text: string): string {
  if (isName(text)) return text;
  const message = `${JSON.stringify(text)} is no valid ${what} name: use ${NAME_LAW}.`;
  throw new SnapcommitError('NAME_INVALID', message, { kind: what, name: text });
}

/** `app@12`, and `app` where `generation` may be left out (null). */
export function parseReference(text: string): { readonly group: string; readonly generation: number | null } {
  const at = text.lastIndexOf('@');
  if (at < 0) return { group: nameOf('group', text), generation: null };
  const group = nameOf('group', text.slice(0, at));
  const generation = parseCount(text.slice(at + 1));
  if (generation !== null && generation > 0) return { group, generation };
  throw usage(
    `${JSON.stringify(text)} names no generation: write GROUP@N with N counted from 1, such as ${group}@12.`,
    {
      reference: text,
    },
  );
}

/** `app@12`; a group alone is refused. */
export function parseGeneration(text: string): { readonly group: string; readonly generation: number } {
  const { group, generation } = parseReference(text);
  if (generation !== null) return { group, generation };
  throw usage(
    `${JSON.stringify(text)} names a group; name one of its generations, such as ${group}@12 (\`snapcommit list ${group}\`).`,
    {
      reference: text,
    },
  );
}

/** A whole number of at least `least`. */
export function countOf(option: string, text: string, least: number): number {
  const count = parseCount(text);
  if (count !== null && count >= least) return count;
  const law = `a whole number${least > 0 ? `, at least ${String(least)}` : ''}`;
  throw usage(`${option} ${JSON.stringify(text)} is not valid; write ${law}.`, { option, value: text });
}

export function durationOf(option: string, text: string): number {
  const ms = parseDuration(text);
  if (ms !== null) return ms;
  throw usage(`${option} ${JSON.stringify(text)} is no duration; write ${DURATION_LAW}.`, { option, value: text });
}

export function addressOf(option: string, text: string): string {
  if (parseAddress(text) !== null) return text;
  throw usage(`${option} ${JSON.stringify(text)} is no address; write ${ADDRESS_LAW}.`, { option, value: text });
}

/** For options that have no default. `value`: as the help writes it. */
export function required(option: string, given: string | null, value: string): string {
  if (given !== null) return given;
  throw usage(`${option} is missing; give it as ${option} ${value}.`, { option });
}

export function gradeOf(option: string, text: string): Grade {
  const grade = GRADES.find((candidate) => candidate === text);
  if (grade !== undefined) return grade;
  throw usage(`${option} ${JSON.stringify(text)} is no grade; the grades are ${GRADES.join(', ')}.`, {
    option,
    value: text,
  });
}

/** `K=V` each. K is a name, no K stands twice, V may be empty. */
export function labelsOf(texts: readonly string[]): Readonly<Record<string, string>> {
  const labels = new Map<string, string>();
  for (const text of texts) {
    const equals = text.indexOf('=');
    if (equals < 0) throw usage(`label ${JSON.stringify(text)} has no "="; write KEY=VALUE.`, { label: text });
    const key = nameOf('label', text.slice(0, equals));
    if (labels.has(key)) throw usage(`label ${key} is given twice.`, { label: key });
    labels.set(key, text.slice(equals + 1));
  }
  return Object.fromEntries(labels);
}

/** A request id or a transaction's. */
export function tokenOf(what: string, text: string): string {
  if (isToken(text)) return text;
  throw usage(`${JSON.stringify(text)} is no ${what}: use 1 to 128 printable ASCII characters without spaces.`, {
    kind: what,
    value: text,
  });
}

/** Absolute; what is relative begins at the working directory. Symlinks are left for the library to judge. */
export function pathOf(option: string, text: string, cwd: string): string {
  if (text === '') throw usage(`${option} is empty; name a path.`, { option });
  if (text.includes('\0')) throw usage(`${option} holds a NUL character.`, { option });
  return resolve(cwd, text);
}

/** A list option: null where it was not given, `''` clears. */
export function listOf(values: readonly string[] | null): readonly string[] | null {
  return values === null ? null : values.filter((value) => value !== '');
}
