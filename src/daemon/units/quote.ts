/**
 * Text as systemd's unit files need it. PURE. Each setting has a grammar of its own (systemd.syntax(7), systemd.unit(5),
 * systemd.service(5)): a percent sign begins a specifier everywhere, a dollar sign a variable in command lines only, and
 * a backslash is an escape in command lines but itself in lists of units and paths.
 */

/** One word of a command line (ExecStart= and the like), but for the first. */
export function quoteArgument(text: string): string {
  return quoteProgram(text.replaceAll('$', '$$$$'));
}

/** The first word: what is to be run, in which a dollar sign is itself. */
export function quoteProgram(text: string): string {
  const escaped = escapePercent(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"');
  return /^[A-Za-z0-9/._@%:=+,-]+$/.test(escaped) ? escaped : `"${escaped}"`;
}

/** A path in a list of paths (RequiresMountsFor=). There is no way to write a quote there: see `isWritable`. */
export function quotePath(path: string): string {
  const escaped = escapePercent(path);
  return escaped.includes(' ') ? `"${escaped}"` : escaped;
}

/** Whether a path can be written into a unit as it is. */
export function isWritable(path: string): boolean {
  return !/["'\\]|[^\P{C}]/u.test(path);
}

/** A unit's name in a list of units (After=, Before=). */
export function quoteUnit(name: string): string {
  return escapePercent(name);
}

function escapePercent(text: string): string {
  return text.replaceAll('%', '%%');
}

/** `systemd-escape --path --suffix=mount`: the name of the mount unit of an absolute path, `/` apart. */
export function mountUnitOf(path: string): string {
  const inner = path.split('/').filter((part) => part !== '');
  return `${inner.map((part, index) => escapePart(part, index === 0)).join('-')}.mount`;
}

function escapePart(part: string, isFirst: boolean): string {
  const bytes = [...Buffer.from(part)];
  return bytes
    .map((byte, index) => {
      const character = String.fromCharCode(byte);
      const isPlain = /[A-Za-z0-9:_.]/.test(character) && !(character === '.' && isFirst && index === 0);
      return isPlain ? character : `\\x${byte.toString(16).padStart(2, '0')}`;
    })
    .join('');
}

/** The longest name of a unit. */
const UNIT_NAME_MAX = 255;

/** The mount units on the way to each path, whichever of them exist; shorter ones first, each once. */
export function mountUnitsOnTheWay(paths: readonly string[]): readonly string[] {
  const ways = paths.flatMap((path) => {
    const parts = path.split('/').filter((part) => part !== '');
    return parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`);
  });
  const names = [...new Set(ways)].sort(byLengthThenText).map((way) => mountUnitOf(way));
  return names.filter((name) => name.length <= UNIT_NAME_MAX);
}

function byLengthThenText(a: string, b: string): number {
  return a.split('/').length - b.split('/').length || (a < b ? -1 : 1);
}
