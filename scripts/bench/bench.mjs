// The parts of the benchmark and their report.
import { measureCommands } from './commands.mjs';
import { measureHistory } from './history.mjs';
import { Lab } from './lab.mjs';
import { measureStall } from './stall.mjs';

export class Bench {
  #rounds;
  #lab = new Lab();
  #rows = [];

  constructor(rounds) {
    this.#rounds = rounds;
  }

  async stall() {
    this.#rows.push(...(await measureStall(this.#lab, this.#rounds)));
  }

  async commands() {
    this.#rows.push(...(await measureCommands(this.#lab, this.#rounds)));
  }

  async history() {
    this.#rows.push(...(await measureHistory(this.#lab, this.#rounds)));
  }

  clean() {
    this.#lab.clean();
  }

  /** Prints the table; true when every goal was reached. */
  report() {
    const header = ['what', 'measured', 'against', 'ratio', 'goal', ''];
    const lines = this.#rows.map(({ what, measured, against, ratio, goal, reached }) => [
      what,
      measured,
      against,
      ratio === null ? '' : ratio.toFixed(2),
      goal,
      reached === null ? '' : reached ? 'reached' : 'MISSED',
    ]);
    const widths = header.map((title, column) => Math.max(title.length, ...lines.map((line) => line[column].length)));
    for (const line of [header, ...lines]) {
      process.stdout.write(
        `${line
          .map((cell, column) => cell.padEnd(widths[column]))
          .join('  ')
          .trimEnd()}\n`,
      );
    }
    return this.#rows.every((row) => row.reached !== false);
  }
}
