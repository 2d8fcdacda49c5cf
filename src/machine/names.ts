/**
 * The law for names that users choose (volumes, groups, nodes, hold tags) and for ids that programs choose. PURE.
 *
 * A name becomes a path component, part of `group@12` and part of a staged name, so it holds no `/`, `@`, `~` or
 * newline and never begins with a dot or a dash. What stands here is used by every boundary.
 */
import { SnapcommitError } from '../errors.js';

/** The law in words, for messages and help. */
export const NAME_LAW = '1 to 64 of the letters A-Z a-z, digits, ".", "_" and "-", beginning with a letter or a digit';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const TOKEN = /^[\x21-\x7e]{1,128}$/;

export function isName(text: string): boolean {
  return NAME.test(text);
}

/**
 * Whether `text` can be an id (transaction, pin, request): 1 to 128 printable ASCII characters without spaces.
 * `__proto__` is left out since decoders drop or rewrite that key.
 */
export function isToken(text: string): boolean {
  return TOKEN.test(text) && text !== '__proto__';
}

/** What to tell the user of `text`, which is no name; `what` says whose name it should be, such as `volume`. */
export function nameProblem(what: string, text: string): string {
  return `${JSON.stringify(text)} is no valid ${what} name: use ${NAME_LAW}.`;
}

/** Answers `text` when it is a name; throws NAME_INVALID otherwise. */
export function requireName(what: string, text: string): string {
  if (isName(text)) return text;
  throw new SnapcommitError('NAME_INVALID', nameProblem(what, text), { kind: what, name: text });
}
