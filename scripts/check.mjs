#!/usr/bin/env node
// `npm run check`: types, lint, format, import law, unused code, house rules, planted bugs. Runs all of them and reports each.
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootstrapOrExit } from './bootstrap.mjs';
import { filesBelow, root } from './lib/files.mjs';
import { problemsOfPlants } from './lib/plant-table.mjs';
import { inParallel, run } from './lib/run.mjs';

const tool = (path) => join(root, 'node_modules', ...path.split('/'));
const TEXT_FILES = ['{src,test,scripts,bin}/**/*.{ts,mjs,js,json}', '*.{json,js,mjs}', '.*.{json,mjs}'];

const STEPS = [
  { name: 'lint', args: [tool('eslint/bin/eslint.js'), '--max-warnings', '0', '.'] },
  {
    name: 'format',
    args: [tool('prettier/bin/prettier.cjs'), '--check', '--no-error-on-unmatched-pattern', ...TEXT_FILES],
  },
  {
    name: 'import law',
    args: [tool('dependency-cruiser/bin/dependency-cruise.mjs'), '--config', '.dependency-cruiser.mjs', 'src'],
  },
  { name: 'unused code', args: [tool('knip/bin/knip.js'), '--no-progress', '--tsConfig', 'src/tsconfig.json'] },
];

/** What no file may hold. Each pattern is written so that it does not match itself here. */
const HOUSE_RULES = [
  { pattern: /eslint-disable(?!.*-- \S)/, reason: 'eslint-disable needs a reason after "--"' },
  { pattern: /@ts-(ignore|nocheck|expect-error)/, reason: 'the compiler is not to be silenced' },
  { pattern: /\bt\.(skip|todo|only)\(/, reason: 'a test that does not run says nothing' },
  { pattern: /\b(skip|todo): (true|['"`])/, reason: 'a test that does not run says nothing' },
  {
    pattern: new RegExp(`\\b(TO${'DO'}|FIX${'ME'}|XX${'X'})\\b`),
    reason: 'do it, or say in the open what is not done',
  },
];

/** The files that hold the patterns because they look for them. */
const SPEAKS_OF_THEM = ['scripts/check.mjs', 'test/scripts/runner.test.ts'];

/** Returns one verdict a step. @returns {Promise<{ name: string, ok: boolean, output: string, seconds: number }[]>} */
export async function check() {
  const results = [await types(), houseRules(), plantedBugs()];
  await inParallel(STEPS, 2, async ({ name, args }) => {
    const { status, output, seconds } = await run(process.execPath, args);
    results.push({ name, ok: status === 0, output, seconds });
  });
  return results;
}

async function types() {
  const { status, output, seconds } = await run(process.execPath, [tool('typescript/bin/tsc'), '-b']);
  return { name: 'types', ok: status === 0, output, seconds };
}

function houseRules() {
  const files = ['src', 'test', 'scripts', 'bin']
    .flatMap((directory) => filesBelow(join(root, directory), (path) => /\.(ts|mjs|js)$/.test(path)))
    .filter((path) => !SPEAKS_OF_THEM.includes(relative(root, path)));
  const findings = files.flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .flatMap((line, index) =>
        HOUSE_RULES.filter(({ pattern }) => pattern.test(line)).map(
          ({ reason }) => `${relative(root, file)}:${String(index + 1)}: ${reason}`,
        ),
      ),
  );
  return { name: 'house rules', ok: findings.length === 0, output: findings.join('\n'), seconds: 0 };
}

/** Whether each can still be planted, and each failure has one; `npm run mutants` shows that tests catch them. */
function plantedBugs() {
  const problems = problemsOfPlants();
  return { name: 'planted bugs', ok: problems.length === 0, output: problems.join('\n'), seconds: 0 };
}

/** One step as a person reads it: its verdict, and what it said where it failed. */
export function reportStep({ name, ok, output, seconds }) {
  const line = `${ok ? 'ok  ' : 'FAIL'}  ${name.padEnd(12)} ${seconds.toFixed(1)} s\n`;
  return ok ? line : `${line}${output.trimEnd()}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  bootstrapOrExit({ packages: 'none', build: false });
  const results = await check();
  for (const result of results) process.stdout.write(reportStep(result));
  process.exitCode = results.every(({ ok }) => ok) ? 0 : 1;
}
