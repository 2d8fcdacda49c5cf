/** What differs between two trees: by real directories, and in both directions. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { SnapcommitError } from '#src/errors.js';
import { comparePaths } from '#src/native/path-bytes.js';
import { diffTrees } from '#src/participant/tree-diff.js';
import { temporaryDirectory } from '../support/temp.js';

interface Pair {
  readonly before: string;
  readonly after: string;
}

function makePair(t: Parameters<typeof temporaryDirectory>[0]): Pair {
  const parent = temporaryDirectory(t, 'diff');
  const pair = { before: join(parent, 'before'), after: join(parent, 'after') };
  mkdirSync(pair.before);
  mkdirSync(pair.after);
  return pair;
}

async function diff({ before, after }: Pair): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { kind, path } of diffTrees(before, after)) found.push(`${kind} ${path}`);
  return found;
}

void t.test('added, changed and removed paths are named in order, with all that is inside them', async (t) => {
  const pair = makePair(t);
  for (const tree of [pair.before, pair.after]) {
    mkdirSync(join(tree, 'd'));
    writeFileSync(join(tree, 'd', 'changed'), tree === pair.before ? 'one' : 'two');
    writeFileSync(join(tree, 'd', 'same'), 'same');
    writeFileSync(join(tree, 'd.txt'), tree);
  }
  mkdirSync(join(pair.before, 'gone', 'deep'), { recursive: true });
  writeFileSync(join(pair.before, 'gone', 'deep', 'file'), '');
  mkdirSync(join(pair.after, 'new'));
  writeFileSync(join(pair.after, 'new', 'file'), '');
  const expected = [
    'changed d/changed',
    'changed d.txt',
    'removed gone',
    'removed gone/deep',
    'removed gone/deep/file',
    'added new',
    'added new/file',
  ];
  t.same(await diff(pair), expected);
  t.same(
    await diff({ before: pair.after, after: pair.before }),
    expected.map((line) =>
      line.startsWith('added') ? line.replace('added', 'removed') : line.replace('removed', 'added'),
    ),
  );
  t.same(await diff({ before: pair.before, after: pair.before }), []);
});

void t.test('a copy with other times is the same; content, mode, target and type are not', async (t) => {
  const pair = makePair(t);
  writeFileSync(join(pair.before, 'content'), 'aaaa');
  writeFileSync(join(pair.before, 'mode'), 'x');
  writeFileSync(join(pair.before, 'times'), 'x');
  writeFileSync(join(pair.before, 'type'), 'target');
  symlinkSync('one', join(pair.before, 'link'));
  mkdirSync(join(pair.before, 'directory'));
  writeFileSync(join(pair.before, 'directory', 'inside'), '');
  rmSync(pair.after, { recursive: true });
  execFileSync('cp', ['-a', pair.before, pair.after]);
  t.same(await diff(pair), []);
  utimesSync(join(pair.after, 'times'), 1, 1);
  t.same(await diff(pair), []);
  writeFileSync(join(pair.after, 'content'), 'aaab');
  utimesSync(join(pair.after, 'content'), 1, 1);
  chmodSync(join(pair.after, 'mode'), 0o600);
  for (const name of ['type', 'link']) rmSync(join(pair.after, name));
  symlinkSync('target', join(pair.after, 'type'));
  symlinkSync('two', join(pair.after, 'link'));
  rmSync(join(pair.after, 'directory'), { recursive: true });
  writeFileSync(join(pair.after, 'directory'), '');
  t.same(await diff(pair), [
    'changed content',
    'changed directory',
    'removed directory/inside',
    'changed link',
    'changed mode',
    'changed type',
  ]);
});

void t.test('symlinks are compared, never followed', async (t) => {
  const pair = makePair(t);
  for (const tree of [pair.before, pair.after]) {
    mkdirSync(join(tree, '..', 'outside', tree === pair.before ? 'a' : 'b'), { recursive: true });
    symlinkSync('../outside', join(tree, 'directory'));
    symlinkSync('.', join(tree, 'loop'));
  }
  t.same(await diff(pair), []);
  const link = join(pair.before, '..', 'link');
  symlinkSync(pair.before, link);
  await t.rejects(diff({ before: link, after: pair.after }), { code: 'VOLUME_UNAVAILABLE' }, 'not even the root');
});

void t.test('large files are compared to the end, in bounded memory', async (t) => {
  const pair = makePair(t);
  const content = Buffer.alloc((8 << 20) + 3, 'x');
  writeFileSync(join(pair.before, 'file'), content);
  writeFileSync(join(pair.after, 'file'), content);
  t.same(await diff(pair), []);
  content[content.length - 1] = 0;
  writeFileSync(join(pair.after, 'file'), content);
  t.same(await diff(pair), ['changed file']);
});

void t.test('odd names are told apart and shown escaped', async (t) => {
  const pair = makePair(t);
  const names = [
    [0xff],
    [0xfe],
    [0x0a],
    [0x5c, 0x6e],
    [0x5c],
    [0x1b, 0x5b],
    [0xc3, 0xa4],
    [0xc3],
    [0xed, 0xa0, 0x80],
    [0xc2, 0x9b],
  ];
  for (const name of names) writeFileSync(Buffer.concat([Buffer.from(`${pair.after}/`), Buffer.from(name)]), '');
  const expected = ['\\xff', '\\xfe', '\\n', '\\\\n', '\\\\', '\\x1b[', 'ä', '\\xc3', '\\xed\\xa0\\x80', '\\u009b'];
  t.same([...(await diff(pair))].sort(), expected.map((name) => `added ${name}`).sort());
});

void t.test('a missing tree and an unreadable one are errors that name them', async (t) => {
  const pair = makePair(t);
  const gone = join(pair.before, 'gone');
  await t.rejects(
    diff({ before: gone, after: pair.after }),
    new SnapcommitError('VOLUME_UNAVAILABLE', `${gone} cannot be read (ENOENT)`),
  );
});

void t.test('FIFOs are not opened', async (t) => {
  const pair = makePair(t);
  for (const tree of [pair.before, pair.after]) execFileSync('mkfifo', [join(tree, 'fifo')]);
  t.same(await diff(pair), []);
});

void t.test('what shares an inode and its times is not read', async (t) => {
  const pair = makePair(t);
  const file = join(pair.before, 'file');
  writeFileSync(file, 'x');
  linkSync(file, join(pair.after, 'file'));
  // with relatime, reading a file whose access lies before its last change moves the time of access
  utimesSync(file, 1, 2);
  t.same(await diff(pair), []);
  t.equal(statSync(file).atimeMs, 1000);
});

void t.test('random trees: the diff is what an independent comparison finds, ordered', async (t) => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 0x7fffffff);
  t.comment(`SEED=${String(seed)}`);
  const names = fc.constantFrom('a', 'a.b', 'a-b', 'b', 'ä', '\u{10000}', '\uffff');
  const tree = fc.dictionary(
    fc.array(names, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')),
    fc.constantFrom('x', 'y'),
    { maxKeys: 8 },
  );
  const root = temporaryDirectory(t, 'random');
  await fc.assert(
    fc.asyncProperty(tree, tree, async (left, right) => {
      const parent = mkdtempSync(join(root, 'pair-'));
      const [before, after] = [write(join(parent, 'before'), left), write(join(parent, 'after'), right)];
      const expected = [...new Set([...before.keys(), ...after.keys()])]
        .filter((path) => before.get(path) !== after.get(path))
        .sort(comparePaths)
        .map((path) => `${!before.has(path) ? 'added' : !after.has(path) ? 'removed' : 'changed'} ${path}`);
      t.same(await diff({ before: join(parent, 'before'), after: join(parent, 'after') }), expected);
      rmSync(parent, { recursive: true });
    }),
    { seed, numRuns: 60 },
  );
});

/** Writes files, skipping those that would lie in or over another; answers every path with its content (`/`: a directory). */
function write(root: string, files: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  const written = new Map<string, string>();
  mkdirSync(root);
  for (const [path, content] of Object.entries(files)) {
    const parts = path.split('/');
    const parents = parts.slice(0, -1).map((_, index) => parts.slice(0, index + 1).join('/'));
    if (written.has(path) || parents.some((parent) => (written.get(parent) ?? '/') !== '/')) continue;
    for (const parent of parents) written.set(parent, '/');
    mkdirSync(join(root, ...parts.slice(0, -1)), { recursive: true });
    writeFileSync(join(root, path), content);
    written.set(path, content);
  }
  return written;
}
