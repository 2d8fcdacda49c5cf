/** `snapcommit doctor`: what this machine has and lacks. */
import type { CheckReport } from '../../index.js';
import type { CommandModule } from '../command.js';
import type { ExitStatus } from '../exit-status.js';
import { paintOn, type Paint } from '../render/style.js';
import { counted, printable } from '../render/text.js';

/** Something that the main job needs is missing or broken. */
const NOT_FIT: ExitStatus = 6;

export const doctor: CommandModule = {
  async run({ globals, openers, io }) {
    const checks = await openers.doctor(globals.stateDirectory);
    const failing = checks.filter(({ result }) => result === 'missing' || result === 'problem');
    return {
      json: { checks },
      text: () => doctorText(checks, failing.length, paintOn(io, io.stdout)),
      status: failing.length > 0 ? NOT_FIT : 0,
    };
  },
};

const MARKS = {
  ok: { word: 'ok     ', colour: 'green' },
  warning: { word: 'warning', colour: 'yellow' },
  missing: { word: 'MISSING', colour: 'red' },
  problem: { word: 'PROBLEM', colour: 'red' },
} as const;

function doctorText(checks: readonly CheckReport[], failing: number, paint: Paint): string {
  const lines = checks.map(({ check, result, message, advice }) => {
    const { word, colour } = MARKS[result];
    const line = `${paint(colour, word)}  ${printable(check)}: ${printable(message)}\n`;
    return advice === null ? line : `${line}         → ${printable(advice)}\n`;
  });
  const summary = failing === 0 ? 'Everything that is needed is here.\n' : `${counted(failing, 'check')} failed.\n`;
  return `${lines.join('')}${summary}`;
}
