// What a run of many test files says while it goes on, and its count at the end.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { root } from './files.mjs';

export class Report {
  #total = { passed: 0, failed: 0, skipped: 0 };

  /** Says something that counts. */
  count(text, { passed = 0, failed = 0, skipped = 0 }) {
    process.stdout.write(text);
    this.#total.passed += passed;
    this.#total.failed += failed;
    this.#total.skipped += skipped;
  }

  /** Says how one file went. `result` is that of run.mjs, `verdict` that of tap.mjs; `more` is shown where it failed. */
  file(name, result, verdict, more = '') {
    const tests = `${String(verdict.passed + verdict.failed)} tests`;
    const word = verdict.failed > 0 ? 'FAIL' : verdict.passed > 0 ? 'ok  ' : 'skip';
    const line = `${word}  ${name.padEnd(56)} ${tests}  ${result.seconds.toFixed(1)} s\n${figures(result)}`;
    this.count(verdict.failed === 0 ? line : `${line}${explain(name, result, verdict)}${more}`, verdict);
  }

  /** The last line, which is the count; returns the exit status. */
  close() {
    const { passed, failed, skipped } = this.#total;
    if (skipped > 0) process.stdout.write(`${String(skipped)} skipped\n`);
    process.stdout.write(`${String(passed)} passed, ${String(failed)} failed\n`);
    return failed === 0 ? 0 : 1;
  }
}

/** What a suite says of its own extent (`# 40 crash points tried, …`). */
function figures({ stdout }) {
  const lines = stdout.split('\n').filter((line) => /^# .* tried, /.test(line));
  return lines.map((line) => `      ${line.slice(2)}\n`).join('');
}

const LINES_SHOWN = 120;

/** Why a file failed: its seeds, what did not hold, and where that is nothing the end of what it said; all of it in a file. */
function explain(name, result, verdict) {
  const kept = join(root, 'build', 'test-output', `${name}.txt`);
  mkdirSync(dirname(kept), { recursive: true });
  writeFileSync(kept, result.output);
  const lines = result.output.trimEnd().split('\n');
  const failed = failedLines(lines);
  const last = failed.length === 0 || verdict.problems.length > 0 ? lines.slice(-LINES_SHOWN / 2) : [];
  const shown = lines.length > LINES_SHOWN ? [...failed.slice(0, LINES_SHOWN), ...last] : lines;
  const all = shown === lines ? [] : [`  … all of it in ${relative(root, kept)}`];
  return [...verdict.problems.map((problem) => `      ${problem}`), ...shown, ...all, ''].join('\n');
}

/** Of TAP: the seeds that the tests name, the points that failed, and the YAML that says why. */
export function failedLines(lines) {
  let yaml = null;
  let follows = false;
  return lines.filter((line) => {
    const content = line.trim();
    const indent = line.length - line.trimStart().length;
    if (yaml !== null) {
      if (content === '...' && indent === yaml) yaml = null;
      return true;
    }
    if (follows && content === '---') {
      yaml = indent;
      return true;
    }
    follows = /^not ok \d/.test(content);
    return follows || /^# .*\bSEED=\d/.test(content);
  });
}
