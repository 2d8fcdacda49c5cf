/** What the benchmark prints: one row a number, with its goal beside it. */

export interface Row {
  readonly what: string;
  readonly measured: string;
  readonly goal: string;
  /** null: only told. */
  readonly reached: boolean | null;
}

export const ms = (value: number): string => `${value.toFixed(value < 100 ? 1 : 0)} ms`;

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** A row whose number may be at most `most` ms. */
export function atMost(what: string, values: readonly number[], most: number): Row {
  const value = median(values);
  const range = `${ms(value)} (${ms(Math.min(...values))} to ${ms(Math.max(...values))}, ${String(values.length)} times)`;
  return { what, measured: range, goal: `below ${ms(most)}`, reached: value < most };
}

export function printTable(rows: readonly Row[]): void {
  const header = ['what', 'measured', 'goal', ''];
  const lines = rows.map(({ what, measured, goal, reached }) => [
    what,
    measured,
    goal,
    reached === null ? '' : reached ? 'reached' : 'MISSED',
  ]);
  const widths = header.map((title, column) =>
    Math.max(title.length, ...lines.map((line) => line[column]?.length ?? 0)),
  );
  for (const line of [header, ...lines])
    console.log(
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    );
}
