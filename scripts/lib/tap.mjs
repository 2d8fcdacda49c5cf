// Judging what one test file said (TAP) and how it ended. A file that asserts nothing, stops early or crashes fails;
// so does a single test without an assertion, since it would pass whatever the code does.

/**
 * @param {string} text what the file wrote to stdout
 * @returns {{ points: { name: string, ok: boolean, directive: 'skip' | 'todo' | null, depth: number }[],
 *   plan: number | null, empty: string[], bailout: string | null, skippedFile: string | null }} `empty`: the tests that assert nothing;
 *   `skippedFile`: why the whole file ended before its first test
 */
export function parseTap(text) {
  const points = [];
  const empty = [];
  const subtests = [];
  let plan = null;
  let bailout = null;
  let skippedFile = null;
  let yamlIndent = null;
  for (const line of text.split('\n')) {
    const indent = line.length - line.trimStart().length;
    const content = line.trim();
    if (yamlIndent !== null) {
      if (content === '...' && indent === yamlIndent) yamlIndent = null;
      continue;
    }
    if (content === '---') {
      yamlIndent = indent;
      continue;
    }
    const depth = indent / 4;
    const subtest = /^# Subtest: (.*)$/.exec(content);
    if (subtest !== null) subtests[depth] = subtest[1];
    const planned = /^1\.\.(\d+)(.*)$/.exec(content);
    if (planned !== null) {
      if (depth === 0) {
        plan = Number(planned[1]);
        if (plan === 0) skippedFile = /# skip (.*)$/i.exec(planned[2])?.[1] ?? null;
      } else if (planned[1] === '0' && !/# skip/i.test(planned[2])) empty.push(subtests[depth - 1] ?? '?');
    }
    if (content.startsWith('Bail out!')) bailout = content;
    const point = /^(not )?ok \d+(?: - (.*))?$/.exec(content);
    if (point === null || !Number.isInteger(depth)) continue;
    const directive = /[^\\]# (skip|todo)\b/i.exec(content);
    points.push({
      name: (point[2] ?? '').replace(/ # time=.*$/, ''),
      ok: point[1] === undefined,
      directive: directive === null ? null : directive[1].toLowerCase(),
      depth,
    });
  }
  return { points, plan, empty, bailout, skippedFile };
}

/**
 * The verdict over one run of a test file.
 * @param {Awaited<ReturnType<typeof import('./run.mjs').run>>} result
 * @param {{ allowSkips: boolean }} options
 * @returns {{ passed: number, failed: number, skipped: number, problems: string[], failures: string[] }} `failures`: names of
 *   the top-level tests that failed; `problems`: what is wrong with the file as a whole
 */
export function judge(result, { allowSkips }) {
  const { points, plan, empty, bailout, skippedFile } = parseTap(result.stdout);
  const top = points.filter((point) => point.depth === 0);
  const marked = points.filter((point) => point.directive !== null);
  const failures = top.filter((point) => !point.ok && point.directive !== 'todo').map((point) => point.name);
  const problems = [];
  if (result.timedOut) problems.push('ran into its time limit');
  else if (result.signal !== null) problems.push(`was ended by ${result.signal}`);
  else if (result.status !== 0 && failures.length === 0) problems.push(`exit status ${String(result.status)}`);
  if (bailout !== null) problems.push(bailout);
  if (skippedFile !== null) {
    if (!allowSkips) problems.push(`skipped: ${skippedFile}`);
  } else if (top.length === 0) problems.push('asserts nothing');
  else if (plan !== top.length) problems.push(`planned ${String(plan)} tests, ran ${String(top.length)}`);
  for (const name of empty) problems.push(`the test "${name}" asserts nothing`);
  if (result.leftProcesses) problems.push('left processes behind (they were ended)');
  if (!allowSkips) for (const point of marked) problems.push(`${point.directive}: "${point.name}"`);
  const skipped = top.filter((point) => point.directive !== null).length + (skippedFile === null ? 0 : 1);
  const passed = top.filter((point) => point.ok && point.directive === null).length;
  const failed = failures.length + (problems.length > 0 && failures.length === 0 ? 1 : 0);
  return { passed, failed, skipped, problems, failures };
}
