/** Small durable files. */
import t from 'tap';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readIfPresent, removeDurably, writeDurably } from '#src/native/durable-file.js';
import { requireCommand } from '../support/requirements.js';
import { temporaryDirectory } from '../support/temp.js';

const strace = requireCommand(t, 'strace');

void t.test('write, read, replace, remove', async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'file');
  t.equal(await readIfPresent(file), null);
  await writeDurably(file, 'one');
  t.equal(await readIfPresent(file), 'one');
  t.equal(statSync(file).mode & 0o777, 0o600);
  await writeDurably(file, new Uint8Array([116, 119, 111]));
  t.equal(await readIfPresent(file), 'two');
  t.same(readdirSync(directory), ['file'], 'no temporary file stays');
  await removeDurably(file);
  await removeDurably(file);
  t.same(readdirSync(directory), []);
});

void t.test('a write that fails leaves the old file and nothing else', async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'file');
  await t.rejects(writeDurably(join(file, 'below'), 'x'));
  writeFileSync(file, 'old');
  await t.rejects(writeDurably(join(file, 'below'), 'x'), { code: 'ENOTDIR' });
  t.equal(readFileSync(file, 'utf8'), 'old');
  t.same(readdirSync(directory), ['file']);
});

void t.test('what a dead process with our pid left under a temporary name is in nobody’s way', async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'file');
  const left = Array.from({ length: 50 }, (_, n) => `file.tmp-${String(process.pid)}-${String(n + 1)}`);
  for (const name of left) writeFileSync(join(directory, name), 'left');
  await writeDurably(file, 'one');
  t.equal(readFileSync(file, 'utf8'), 'one');
  for (const name of left) t.equal(readFileSync(join(directory, name), 'utf8'), 'left', 'it may be another one’s');
});

void t.test('D7 the content is synced before the rename, and the directory after it and after a removal', (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'file');
  const trace = join(directory, 'trace');
  const source = `
    import { removeDurably, writeDurably } from ${JSON.stringify(import.meta.resolve('#src/native/durable-file.js'))};
    await writeDurably(${JSON.stringify(file)}, 'text');
    await removeDurably(${JSON.stringify(file)});`;
  const calls = 'trace=fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat';
  execFileSync(strace, ['-f', '-y', '-e', calls, '-o', trace, process.execPath, '--input-type=module', '-e', source]);
  const steps = readFileSync(trace, 'utf8')
    .split('\n')
    .flatMap((line) => step(line, directory));
  t.same(steps, ['sync file', 'rename', 'sync directory', 'unlink', 'sync directory']);
  t.end();
});

/** What a line of the trace did below `directory`; calls that were interrupted show on their first line. */
function step(line: string, directory: string): readonly string[] {
  if (!line.includes(directory) || line.includes('resumed>')) return [];
  if (/ (fsync|fdatasync)\(/.test(line)) return [line.includes(`<${directory}>`) ? 'sync directory' : 'sync file'];
  if (line.includes(' rename')) return ['rename'];
  return line.includes(' unlink') ? ['unlink'] : [];
}
