/** The runner's judgement: what may not count as a passed test file. Each case is a file run as `npm test` runs it. */
import { execFileSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { temporaryDirectory } from '../support/temp.js';

const CHECKOUT = join(import.meta.dirname, '..', '..', '..');
const JUDGE = `
  import { run } from '${CHECKOUT}/scripts/lib/run.mjs';
  import { judge } from '${CHECKOUT}/scripts/lib/tap.mjs';
  const [file, allowSkips, timeoutMs] = process.argv.slice(1);
  const result = await run(process.execPath, [file], { timeoutMs: Number(timeoutMs) });
  console.log(JSON.stringify(judge(result, { allowSkips: allowSkips === 'true' })));
`;

interface Verdict {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly problems: readonly string[];
  readonly failures: readonly string[];
}

const directory = temporaryDirectory(t, 'runner');
symlinkSync(join(CHECKOUT, 'node_modules'), join(directory, 'node_modules'));

function judged(body: string, allowSkips = true, timeoutMs = 60_000): Verdict {
  const file = join(directory, `case-${String(body.length)}.mjs`);
  writeFileSync(file, `import t from 'tap';\n${body}\n`);
  const args = ['--input-type=module', '-e', JUDGE, file, String(allowSkips), String(timeoutMs)];
  return JSON.parse(execFileSync(process.execPath, args, { cwd: directory, encoding: 'utf8' })) as Verdict;
}

void t.test('a file whose tests pass is passed, and its tests are counted', (t) => {
  const verdict = judged(`t.test('a', async (t) => { t.ok(1); }); t.test('b', async (t) => { t.ok(1); });`);
  t.match(verdict, { passed: 2, failed: 0, skipped: 0, problems: [] });
  t.end();
});

void t.test('a failed test is named', (t) => {
  const verdict = judged(`t.test('D4 acknowledges', async (t) => { t.equal(1, 2); });`);
  t.match(verdict, { passed: 0, failed: 1, failures: ['D4 acknowledges'] });
  t.end();
});

void t.test('what asserts nothing fails', (t) => {
  t.match(judged(''), { failed: 1, problems: ['asserts nothing'] });
  t.match(judged(`t.test('a', async () => {});`), { failed: 1, problems: ['the test "a" asserts nothing'] });
  t.end();
});

void t.test('a file that ends early fails', (t) => {
  t.match(judged(`t.ok(1); process.kill(process.pid, 'SIGKILL');`), { failed: 1 });
  t.match(judged(`t.ok(1); t.test('a', () => { process.exit(0); });`), { failed: 1 });
  t.match(judged(`t.ok(1); t.end(); process.exitCode = 3;`), { failed: 1, problems: ['exit status 3'] });
  t.end();
});

void t.test('a file that hangs is ended with its children, and fails', (t) => {
  const body = `import { spawn } from 'node:child_process'; spawn('sleep', ['600']); t.test('a', () => new Promise(() => {}));`;
  const verdict = judged(`${body} setInterval(() => {}, 1000);`, true, 2_000);
  t.equal(verdict.failed > 0, true);
  t.match(verdict.problems, ['ran into its time limit']);
  t.end();
});

void t.test('a process that outlives its test file is a failure', (t) => {
  const body = `import { spawn } from 'node:child_process'; t.ok(1); spawn('sleep', ['600'], { stdio: 'inherit' }).unref();`;
  t.match(judged(body), { failed: 1, problems: ['left processes behind (they were ended)'] });
  t.end();
});

void t.test('skipped and todo tests fail where nothing may be left out', (t) => {
  const skip = `t.ok(1); t.test('a', { skip: true }, () => {});`;
  t.match(judged(skip), { passed: 1, failed: 0, skipped: 1 });
  t.match(judged(skip, false), { failed: 1 });
  t.match(judged(`t.ok(1); t.test('a', { todo: 'later' }, () => {});`, false), { failed: 1 });
  t.match(judged(`t.plan(0, 'SKIP this file needs root');`), { passed: 0, failed: 0, skipped: 1 });
  t.match(judged(`t.plan(0, 'SKIP this file needs root'); `, false), { failed: 1 });
  t.end();
});

void t.test('of a failed file the seed and what did not hold are told, however much it said', (t) => {
  const file = join(directory, 'long.mjs');
  const body = `t.comment('SEED=7'); for (let n = 0; n < 200; n += 1) t.equal(n === 3 ? 'three' : n, n, 'number ' + n);`;
  writeFileSync(file, `import t from 'tap';\nt.test('many', async (t) => { ${body} });\n`);
  const report = `
    import { execFileSync } from 'node:child_process';
    import { failedLines } from '${CHECKOUT}/scripts/lib/report.mjs';
    import { run } from '${CHECKOUT}/scripts/lib/run.mjs';
    const { output } = await run(process.execPath, ['${file}'], { timeoutMs: 60_000 });
    console.log(failedLines(output.split('\\n')).join('\\n'));
  `;
  const told = execFileSync(process.execPath, ['--input-type=module', '-e', report], { encoding: 'utf8' });
  t.match(told, 'SEED=7');
  t.match(told, 'not ok 4 - number 3');
  t.match(told, '+three', 'with what was found');
  t.notMatch(told, 'number 4', 'and nothing of what held');
  t.end();
});

void t.test('where a change is judged, each file has the same seed as long as the sources are the same', (t) => {
  const program = `
    import { seedFor, sourcesDigest } from '${CHECKOUT}/scripts/lib/seed.mjs';
    const digest = sourcesDigest();
    console.log(JSON.stringify([seedFor(digest, 'a'), seedFor(digest, 'b'), seedFor(digest + '1', 'a')]));
  `;
  const seeds = (): string =>
    execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  const first = seeds();
  const numbers = JSON.parse(first) as number[];
  t.equal(seeds(), first);
  t.equal(new Set(numbers).size, 3, `another file or another source gives another seed: ${first}`);
  t.ok(numbers.every((seed) => Number.isInteger(seed) && seed >= 0 && seed < 2 ** 31));
  t.end();
});
