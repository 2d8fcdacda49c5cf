/** Aligned tables and key-value lists. Pure. */
import { printable } from './text.js';

const GAP = '  ';

/** A heading line and one line a row; the last column is left as long as it is. Ends with a newline. */
export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  return lines([heading.map((title) => title.toUpperCase()), ...rows]);
}

/** `key  value` lines, aligned. Empty for no rows. */
export function pairs(rows: readonly (readonly [key: string, value: string])[]): string {
  return lines(rows);
}

function lines(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((cell) => printable(cell)));
  const widths: number[] = [];
  for (const row of cells) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  return cells
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join(GAP)
          .trimEnd()}\n`,
    )
    .join('');
}
