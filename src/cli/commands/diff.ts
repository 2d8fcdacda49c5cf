/** `snapcommit diff`: what differs between two generations of one group. */
import type { DiffReport } from '../../index.js';
import type { CommandModule } from '../command.js';
import { usage } from '../failure.js';
import { parseGeneration } from '../input.js';
import { printable } from '../render/text.js';

export const diff: CommandModule = {
  async run({ operands: [a = '', b = ''], openNode }) {
    const from = parseGeneration(a);
    const to = parseGeneration(b);
    if (from.group !== to.group) {
      throw usage(`${a} and ${b} are of different groups; compare two generations of one group.`);
    }
    const report = await (await openNode()).diff(from.group, from.generation, to.generation);
    return { json: report, text: () => diffText(report) };
  },
};

/** `+ db  path` for an added file, `~` for a changed, `-` for a removed one. */
function diffText(report: DiffReport): string {
  const lines = Object.entries(report.volumes).flatMap(([volume, { added, changed, removed }]) => [
    ...added.map((path) => `+ ${volume}: ${printable(path)}`),
    ...changed.map((path) => `~ ${volume}: ${printable(path)}`),
    ...removed.map((path) => `- ${volume}: ${printable(path)}`),
  ]);
  if (lines.length === 0) return 'No differences.\n';
  return `${lines.join('\n')}\n`;
}
