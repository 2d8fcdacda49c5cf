/** Small pieces of people's output. Pure. */

/** Text that somebody else chose (messages, paths), safe for a terminal: control characters are written as escapes. */
export function printable(text: string): string {
  // Mostly there is nothing to look for, and looking for it by classes of Unicode takes a while to set up.
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (character === '\n') return '\\n';
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

/** `1 volume`, `2 volumes`. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${String(count)} ${count === 1 ? noun : plural}`;
}

/** `2026-11-22 10:00:01Z`: RFC 3339 without fractions, for tables. */
export function shortTime(time: string): string {
  return time.replace('T', ' ').replace(/\.\d+Z$/, 'Z');
}

/** Comma-separated, or a dash for none. */
export function joined(items: readonly string[]): string {
  return items.length === 0 ? '-' : items.map((item) => printable(item)).join(', ');
}

/** `5000` -> `5s`: the largest unit that leaves a whole number. */
export function formatDuration(ms: number): string {
  if (ms % 3_600_000 === 0) return `${String(ms / 3_600_000)}h`;
  if (ms % 60_000 === 0) return `${String(ms / 60_000)}m`;
  if (ms % 1000 === 0) return `${String(ms / 1000)}s`;
  return `${String(ms)}ms`;
}

/** How long something has lasted, roughly: `0.4 s`, `12 s`, `3 min`, `5 h`. */
export function duration(ms: number): string {
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 120_000) return `${String(Math.round(ms / 1000))} s`;
  if (ms < 7_200_000) return `${String(Math.round(ms / 60_000))} min`;
  return `${String(Math.round(ms / 3_600_000))} h`;
}
