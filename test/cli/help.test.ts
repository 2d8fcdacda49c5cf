/** Golden transcripts of every help page. UPDATE=1 rewrites them: review the difference. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { COMMANDS } from '#src/cli/command-table.js';
import { run } from './fake.js';

const GOLDEN = join(import.meta.dirname, '..', '..', '..', 'test', 'cli', 'golden');
const families = [
  ...new Set(
    Object.keys(COMMANDS)
      .filter((name) => name.includes(' '))
      .map((name) => name.split(' ')[0] ?? ''),
  ),
];
const pages = ['', ...families, ...Object.keys(COMMANDS)];
const fileOf = (page: string): string => `${page === '' ? 'snapcommit' : page.replaceAll(' ', '-')}.txt`;

for (const page of pages) {
  t.test(`help of ${page === '' ? 'the program' : page}`, async (t) => {
    const ran = await run([...page.split(' ').filter((word) => word !== ''), '--help']);
    t.equal(ran.status, 0);
    t.equal(ran.stderr, '');
    const file = join(GOLDEN, fileOf(page));
    if (process.env['UPDATE'] === '1') writeFileSync(file, ran.stdout);
    t.equal(ran.stdout, existsSync(file) ? readFileSync(file, 'utf8') : '', `${file} (UPDATE=1 rewrites it)`);
    if (page in COMMANDS) {
      t.match(ran.stdout, /\nExit statuses:\n/);
      t.match(ran.stdout, /\nExamples?:\n {2}\$ .*snapcommit /);
    }
  });
}

t.test('there is a page for every transcript', async (t) => {
  t.same(readdirSync(GOLDEN).sort(), pages.map(fileOf).sort());
});

t.test('the program alone prints its help to stderr and is bad usage', async (t) => {
  const ran = await run([]);
  t.equal(ran.status, 2);
  t.equal(ran.stdout, '');
  t.match(ran.stderr, /^Usage: snapcommit/);
  t.match(await run(['volume']), { status: 2, stdout: '', stderr: /^Usage: snapcommit volume/ });
  t.match(JSON.parse((await run(['--json'])).stdout), { error: { code: 'USAGE' } });
});

t.test('help is found in every form', async (t) => {
  const page = (await run(['commit', '--help'])).stdout;
  t.equal((await run(['help', 'commit'])).stdout, page);
  t.equal((await run(['--help', 'commit'])).stdout, page);
  t.equal((await run(['commit', 'app', '--bad-option', '--help'])).stdout, page);
  t.same(JSON.parse((await run(['commit', '--help', '--json'])).stdout), { help: page });
  t.not((await run(['commit', 'app', '--message', '--help'])).stdout, page, 'as an option’s value it is none');
  const transact = await run(['transact', 'app', '--', 'ls', '--help']);
  t.equal(transact.calls[0]?.method, 'transact', 'the command’s own --help is its own');
});

t.test('--version prints the version', async (t) => {
  const ran = await run(['--version']);
  t.match(ran.stdout, /^\d+\.\d+\.\d+\n$/);
  t.equal((await run(['status', '--version'])).stdout, ran.stdout);
  t.same(JSON.parse((await run(['--version', '--json'])).stdout), { version: ran.stdout.trim() });
});

t.test('help pages fit a narrow terminal', async (t) => {
  const ran = await run(['group', 'create', '--help'], { isTTY: true });
  const [options] = ran.stdout.split('\nExit statuses:');
  for (const line of (options ?? '').split('\n')) t.ok(line.length <= 60, line);
});
