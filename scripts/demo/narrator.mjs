// Tells the story: steps, the commands as a person would type them, their output, and checks of every claim.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { root } from '../lib/files.mjs';

export const cli = join(root, 'bin', 'snapcommit.js');

export class Narrator {
  #json;
  #steps = [];

  constructor({ json }) {
    this.#json = json;
  }

  step(title, text) {
    this.#steps.push({ title, text, commands: [], checks: [] });
    this.#say(`\n== ${String(this.#steps.length)}. ${title}\n${text.replaceAll(/^/gm, '   ')}`);
  }

  note(text) {
    this.#say(`   ${text}`);
  }

  check(claim, holds, seen) {
    this.#steps.at(-1).checks.push({ claim, holds, seen });
    this.#say(`   ${holds ? 'yes' : 'NO '}  ${claim}${seen === undefined ? '' : ` (${seen})`}`);
    if (!holds) throw new Error(`the demo's claim does not hold: ${claim} (${String(seen)})`);
  }

  /**
   * Runs snapcommit; answers its exit status (null: killed) and output. `wanted`: the status that the story needs. `on`:
   * the machine that it runs on, for the prompt; `within`: the program that runs it there. `onStart` gets the process.
   */
  async snapcommit(args, { stateDirectory, crashAt, wanted = 0, on, within = [], onStart, env: more = {} }) {
    const prompt = on === undefined ? '' : `${on}# `;
    const crash = crashAt === undefined ? '' : `SNAPCOMMIT_CRASH_AT=${crashAt} `;
    const shown = `${prompt}${crash}snapcommit ${args.map(quote).join(' ')}`;
    this.#say(`   ${on === undefined ? '$ ' : ''}${shown}`);
    const env = { ...process.env, ...more, SNAPCOMMIT_STATE_DIR: stateDirectory };
    if (crashAt !== undefined) env.SNAPCOMMIT_CRASH_AT = crashAt;
    const [file, ...words] = [...within, process.execPath, cli, ...args];
    const result = await run(file, words, env, onStart);
    this.#steps
      .at(-1)
      .commands.push({ command: shown, status: result.status, signal: result.signal, output: result.stdout });
    const output = `${result.stdout}${result.stderr}`.trimEnd();
    if (output !== '') this.#say(output.replaceAll(/^/gm, '     '));
    if (result.signal !== null) this.#say(`     (ended by ${result.signal})`);
    if (result.status !== wanted) {
      throw new Error(
        `${shown} ended with ${String(result.status ?? result.signal)}, not ${String(wanted)}:\n${output}`,
      );
    }
    return result;
  }

  /** The same with --json, not shown. */
  async ask(args, stateDirectory) {
    const env = { ...process.env, SNAPCOMMIT_STATE_DIR: stateDirectory };
    const result = await run(process.execPath, [cli, '--json', ...args], env);
    if (result.status !== 0) throw new Error(`snapcommit ${args.join(' ')} failed:\n${result.stdout}${result.stderr}`);
    return JSON.parse(result.stdout);
  }

  end(error) {
    if (this.#json) {
      const failure = error === null ? {} : { error: error.message };
      process.stdout.write(`${JSON.stringify({ ok: error === null, ...failure, steps: this.#steps }, null, 2)}\n`);
    } else if (error !== null) {
      process.stderr.write(`\ndemo: ${error.message}\n`);
    }
  }

  #say(text) {
    if (!this.#json) process.stdout.write(`${text}\n`);
  }
}

function run(file, args, env, onStart) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    onStart?.(child);
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (data) => (output.stdout += data));
    child.stderr.on('data', (data) => (output.stderr += data));
    child.on('error', reject);
    child.on('close', (status, signal) => resolve({ status, signal, ...output }));
  });
}

function quote(argument) {
  return /^[A-Za-z0-9@%+=:,./_-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", String.raw`'\''`)}'`;
}
