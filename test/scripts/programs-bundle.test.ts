/** dist/bundle/execa.cjs: in one file, with parts of it left for when they are used, execa does what it does in its package. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { temporaryDirectory } from '../support/temp.js';

const CHECKOUT = join(import.meta.dirname, '..', '..', '..');
/** Makes the file and runs programs through it, or through the package when there is no file to make. */
const RUN = `
  import { readFileSync } from 'node:fs';
  import { createRequire } from 'node:module';
  import vm from 'node:vm';
  import { build } from 'esbuild';
  import { execaOptions } from '${CHECKOUT}/scripts/bundle/programs.mjs';
  const [file] = process.argv.slice(1);
  if (file !== undefined) await build(execaOptions(file));
  const lookedAt = [];
  const ours = Object.fromEntries(['stdin', 'stdout', 'stderr'].map((name) => [name, process[name]]));
  for (const [name, value] of Object.entries(ours))
    Object.defineProperty(process, name, { get: () => (lookedAt.push(name), value) });
  async function load() {
    if (file === undefined) return import('execa');
    const module = { exports: {} };
    const run = vm.runInThisContext(readFileSync(file, 'latin1'), { filename: file });
    run(module.exports, createRequire(file), module);
    return module.exports;
  }
  const { execa } = await load();
  const ran = [];
  const start = async (words, options) => {
    const [program, ...args] = words;
    const { durationMs, stack, ...result } = await execa(program, args, { reject: false, cwd: '/', ...options });
    const { message, originalMessage, shortMessage, signalDescription } = result;
    ran.push({ ...result, message, originalMessage, shortMessage, signalDescription });
  };
  await start(['/bin/sh', '-c', 'echo "$1"; cat >&2; exit 3', 'sh', "a b\\n\\u00e9\\u0007'"], { input: 'text' });
  await start(['/bin/sh', '-c', 'kill -HUP $$'], { stdio: ['ignore', 'pipe', 'pipe'] });
  await start(['/nonexistent/program'], {});
  const before = [...lookedAt];
  await start(['/bin/echo', 'done'], { stdout: [ours.stderr, 'pipe'] });
  ours.stdout.write(JSON.stringify({ ran, before }));
`;

interface Ran {
  readonly ran: readonly Readonly<Record<string, unknown>>[];
  /** Which of our own streams were looked at by then: Node itself looks at the others. */
  readonly before: readonly string[];
}

function run(...file: readonly string[]): Ran {
  const words = ['--input-type=module', '-e', RUN, ...file];
  return JSON.parse(execFileSync(process.execPath, words, { cwd: CHECKOUT, encoding: 'utf8', stdio: 'pipe' })) as Ran;
}

t.test('programs run as by the package, and Node makes our stdin for none that is not given it', async (t) => {
  const bundled = run(join(temporaryDirectory(t, 'programs-bundle'), 'execa.cjs'));
  t.same(bundled.ran, run().ran);
  t.match(bundled.ran, [
    { exitCode: 3, stderr: 'text' },
    { signal: 'SIGHUP', signalDescription: 'Terminal closed' },
    { code: 'ENOENT' },
    { stdout: 'done' },
  ]);
  t.notOk(bundled.before.includes('stdin'));
});
