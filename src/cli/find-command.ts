/** Finds the command's name among the arguments, so that only that command has to be loaded. Pure. */
import { COMMANDS } from './command-table.js';
import { usage } from './failure.js';
import { GLOBAL_OPTIONS_WITH_VALUE } from './global-options.js';

/** What stands in front of `--help` or nothing: a command, a word that several begin with, or the program itself. */
export type Found =
  | { readonly kind: 'command'; readonly name: string; readonly rest: readonly string[] }
  | { readonly kind: 'family'; readonly name: string; readonly rest: readonly string[] }
  | { readonly kind: 'program'; readonly rest: readonly string[] };

/**
 * Global options may stand before the command and between its words. `help COMMAND` is `COMMAND --help`. USAGE for a
 * word that is no command.
 */
export function findCommand(argv: readonly string[]): Found {
  const taken: string[] = [];
  const options: string[] = [];
  let at = 0;
  let isHelp = false;
  while (at < argv.length && !Object.hasOwn(COMMANDS, taken.join(' '))) {
    const argument = argv[at] ?? '';
    if (argument === '--') break;
    at += 1;
    if (argument.startsWith('-')) {
      options.push(argument);
      if (GLOBAL_OPTIONS_WITH_VALUE.has(argument) && at < argv.length) options.push(argv[at++] ?? '');
    } else if (argument === 'help' && taken.length === 0 && !isHelp) {
      isHelp = true;
    } else {
      taken.push(argument);
      requirePrefix(taken);
    }
  }
  const name = taken.join(' ');
  const rest = [...options, ...(isHelp ? ['--help'] : []), ...argv.slice(at)];
  if (name === '') return { kind: 'program', rest };
  return { kind: Object.hasOwn(COMMANDS, name) ? 'command' : 'family', name, rest };
}

/** The commands whose first word is `family`. */
export function membersOf(family: string): readonly string[] {
  return Object.keys(COMMANDS).filter((name) => name.startsWith(`${family} `));
}

function requirePrefix(words: readonly string[]): void {
  const name = words.join(' ');
  if (Object.hasOwn(COMMANDS, name) || membersOf(name).length > 0) return;
  const family = words.slice(0, -1).join(' ');
  const candidates = words.length > 1 ? membersOf(family) : [...new Set(Object.keys(COMMANDS).flatMap(firstWord))];
  const near = candidates.filter((candidate) => distance(candidate, name) <= 2);
  const hint = near.length > 0 ? ` Did you mean ${near.join(' or ')}?` : '';
  const help = `snapcommit ${words.length > 1 ? `${family} ` : ''}--help`;
  throw usage(`there is no command ${JSON.stringify(name)}.${hint} \`${help}\` lists them.`, { command: name });
}

function firstWord(name: string): string {
  return name.split(' ')[0] ?? name;
}

/** Levenshtein distance: how many letters to add, drop or change. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 0; i < a.length; i += 1) {
    const next = [i + 1];
    for (let j = 1; j <= b.length; j += 1) {
      const changed = (row[j - 1] ?? 0) + (a[i] === b[j - 1] ? 0 : 1);
      next.push(Math.min(changed, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
