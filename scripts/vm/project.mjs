// The project as a disk of a guest, mounted at /snapcommit: what is built and what runs it, and the npm packages on a second
// disk since they change rarely. Both are read-only there.
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { digestOf, filesBelow, fingerprint, root } from '../lib/files.mjs';
import { cacheDirectory } from './places.mjs';
import { say, tool } from './tools.mjs';

/** What of the checkout goes along. */
export const PARTS = [
  'package.json',
  'bin',
  'dist',
  'build/test',
  'src',
  'test',
  'scripts',
  'tsconfig.json',
  'tsconfig.base.json',
];
/** Disks that nobody has used for this long go. */
const KEEP_MS = 2 * 24 * 3600 * 1000;

/** @returns {Promise<{ project: string, modules: string }>} the two disks' files */
export async function projectDisks() {
  const disks = join(cacheDirectory(), 'disks');
  mkdirSync(disks, { recursive: true });
  const packages = shortDigest(`${digestOf(join(root, 'package-lock.json'))} ${process.version}`);
  const files = PARTS.flatMap((part) => filesOf(join(root, part)));
  const modules = await ensureDisk(join(disks, `modules-${packages}.ext4`), '800M', 'the npm packages', fillModules);
  const project = await ensureDisk(
    join(disks, `project-${shortDigest(fingerprint(files))}.ext4`),
    '128M',
    'the project',
    fillProject,
  );
  removeOld(disks);
  return { project, modules };
}

function shortDigest(text) {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

function filesOf(path) {
  if (!existsSync(path)) return [];
  return statSync(path).isFile() ? [path] : filesBelow(path);
}

/** Makes a disk where there is none of that name: under another name first, from a tree that `fill` makes. */
async function ensureDisk(file, size, what, fill) {
  if (existsSync(file)) {
    const now = new Date();
    utimesSync(file, now, now);
    return file;
  }
  say(`writing ${what} to a disk`);
  const work = `${file}.${String(process.pid)}`;
  try {
    const tree = fill(`${work}.tree`);
    // No journal: it is never written to. Enough inodes: npm packages are many small files.
    const ext4 = ['-q', '-t', 'ext4', '-O', '^has_journal', '-m', '0', '-N', '32768'];
    await tool('mke2fs', [...ext4, '-d', tree, work, size]);
    renameSync(work, file);
  } finally {
    rmSync(work, { force: true });
    rmSync(`${work}.tree`, { recursive: true, force: true });
  }
  return file;
}

/** The packages go as they are: no copy is needed. */
function fillModules() {
  return join(root, 'node_modules');
}

function fillProject(tree) {
  mkdirSync(join(tree, 'node_modules'), { recursive: true });
  for (const part of PARTS.filter((name) => existsSync(join(root, name)))) {
    mkdirSync(dirname(join(tree, part)), { recursive: true });
    cpSync(join(root, part), join(tree, part), { recursive: true, preserveTimestamps: true });
  }
  return tree;
}

function removeOld(disks) {
  const before = Date.now() - KEEP_MS;
  for (const name of readdirSync(disks)) {
    const file = join(disks, name);
    if (statSync(file).mtimeMs < before) rmSync(file, { recursive: true, force: true });
  }
}
