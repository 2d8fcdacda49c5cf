/**
 * Golden transcripts: the scripts under transcripts/, run anew and compared as text. Lines that begin with a blank are
 * what the machine answered; UPDATE=1 writes them anew, to be reviewed as a diff.
 *
 * Beyond the operations (support/parse.ts) a script has: `state` (a summary), `digest` (the state's hash), `reload` (a
 * checkpoint's install), `pass N` (N entries that change nothing), and comments after `#`.
 */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { stateDigest } from '#src/machine/digest.js';
import { ScriptMachine } from './support/script-machine.js';
import { outcomeLines, stateLines } from './support/summary.js';

const directory = new URL('../../../test/machine/transcripts/', import.meta.url);

function transcribe(script: string): string {
  const machine = new ScriptMachine();
  const inputs = script.split('\n').filter((line) => !line.startsWith(' '));
  return inputs.flatMap((line) => [line, ...answer(machine, line).map((text) => `  ${text}`)]).join('\n');
}

function answer(machine: ScriptMachine, line: string): readonly string[] {
  if (line === '' || line.startsWith('#')) return [];
  const [verb, count] = line.split(' ');
  if (verb === 'state') return stateLines(machine.state);
  if (verb === 'digest') return [stateDigest(machine.state)];
  if (verb === 'reload') machine.reload();
  else if (verb === 'pass') machine.pass(Number(count));
  else {
    const before = machine.archive.length;
    const { slot, outcome } = machine.step(line);
    return outcomeLines(slot, outcome, machine.archive.slice(before));
  }
  return [];
}

const files = readdirSync(directory).filter((name) => name.endsWith('.txt'));
t.ok(files.length > 0, 'there are transcripts');
for (const file of files) {
  void t.test(`transcript ${file}`, (t) => {
    const path = new URL(file, directory);
    const recorded = readFileSync(path, 'utf8');
    const made = transcribe(recorded);
    if (process.env['UPDATE'] === '1') writeFileSync(path, made);
    t.equal(made, process.env['UPDATE'] === '1' ? made : recorded);
    t.end();
  });
}
