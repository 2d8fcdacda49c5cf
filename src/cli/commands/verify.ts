/** `snapcommit verify`: whether every snapshot of the manifests stands as committed. Problems are its answer. */
import { SnapcommitError } from '../../errors.js';
import type { VerifyReport } from '../../index.js';
import type { CommandModule } from '../command.js';
import { exitStatusOf } from '../exit-status.js';
import { failureDocument } from '../failure.js';
import { parseReference } from '../input.js';
import { table } from '../render/table.js';
import { counted, printable } from '../render/text.js';

export const verify: CommandModule = {
  async run({ operands: [text], openNode }) {
    const wanted = text === undefined ? { group: null, generation: null } : parseReference(text);
    const report = await (await openNode()).verify(wanted.group, wanted.generation);
    const failure = failureOf(report);
    if (failure === null) return { json: report, text: () => `${summary(report)}\n` };
    return {
      // The report and the failure in one document: whoever looks for either finds it.
      json: { ...report, ...failureDocument(failure) },
      text: () => `${problemTable(report)}${notAskedLines(report)}${summary(report)}\n`,
      status: exitStatusOf(failure),
    };
  },
};

/** A problem weighs more than a node that could not be asked, of which nothing is known. */
function failureOf(report: VerifyReport): SnapcommitError | null {
  if (report.problems.length > 0) return new SnapcommitError('VERIFY_FAILED', summary(report));
  if (report.notAsked.length > 0) return new SnapcommitError('UNAVAILABLE', summary(report));
  return null;
}

function notAskedLines({ notAsked }: VerifyReport): string {
  return notAsked.map(({ node, reason }) => `node ${node} was not asked: ${printable(reason)}\n`).join('');
}

function summary({ generations, problems, notAsked }: VerifyReport): string {
  const found = problems.length === 0 ? 'no problems' : counted(problems.length, 'problem');
  const missing = notAsked.map(({ node }) => node).join(', ');
  const rest = notAsked.length === 0 ? '' : `; what node ${missing} has of them was not looked at`;
  return `Verified ${counted(generations, 'generation')}: ${found}${rest}.`;
}

function problemTable(report: VerifyReport): string {
  if (report.problems.length === 0) return '';
  const rows = report.problems.map(({ group, generation, volume, problem }) => [
    `${group}@${String(generation)}`,
    volume,
    problem,
  ]);
  return table(['generation', 'volume', 'problem'], rows);
}
