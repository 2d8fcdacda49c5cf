/** `snapcommit verify`: whether every snapshot of the manifests stands as committed. Problems are its answer. */
import { SnapcommitError } from '../../errors.js';
import type { VerifyReport } from '../../index.js';
import type { CommandModule } from '../command.js';
import { exitStatusOf } from '../exit-status.js';
import { failureDocument } from '../failure.js';
import { parseReference } from '../input.js';
import { table } from '../render/table.js';
import { counted } from '../render/text.js';

export const verify: CommandModule = {
  async run({ operands: [text], openNode }) {
    const wanted = text === undefined ? { group: null, generation: null } : parseReference(text);
    const report = await (await openNode()).verify(wanted.group, wanted.generation);
    if (report.problems.length === 0) {
      return { json: report, text: () => `Verified ${counted(report.generations, 'generation')}: no problems.\n` };
    }
    const failure = new SnapcommitError('VERIFY_FAILED', summary(report));
    return {
      // The report and the failure in one document: whoever looks for either finds it.
      json: { ...report, ...failureDocument(failure) },
      text: () => `${problemTable(report)}${summary(report)}\n`,
      status: exitStatusOf(failure),
    };
  },
};

function summary(report: VerifyReport): string {
  return `Verified ${counted(report.generations, 'generation')}: ${counted(report.problems.length, 'problem')}.`;
}

function problemTable(report: VerifyReport): string {
  const rows = report.problems.map(({ group, generation, volume, problem }) => [
    `${group}@${String(generation)}`,
    volume,
    problem,
  ]);
  return table(['generation', 'volume', 'problem'], rows);
}
