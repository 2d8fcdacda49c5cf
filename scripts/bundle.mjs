// Joins the built command line into single files and keeps V8's compiled code beside them: Node loads that much faster than
// two hundred modules, and a command should answer at once. dist/bundle/main.cjs is all of it. Commands that only read have
// read.cjs, with what they use, and ask for the rest in cold.cjs when they do need it. What runs programs for all of them is
// in execa.cjs, since few commands do. dist/ itself stays what the library, the tests and the two small programs that we
// start (the guard, the launcher) are loaded from. See bin/snapcommit.js.
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { cacheOf, runCold, runExeca, runMain, runRead } from '../bin/snapcommit.js';
import { commandLineOptions, TEXT } from './bundle/command-line.mjs';
import { coldElsewhere, hotElsewhere, tellingOnUse } from './bundle/load-on-use.mjs';
import { execaOptions } from './bundle/programs.mjs';
import { withWarmUp } from './bundle/warm-up.mjs';
import { root } from './lib/files.mjs';
import { sqlitePackage } from './lib/sqlite.mjs';

const dist = join(root, 'dist');
const outdir = join(dist, 'bundle');
const fileOf = (name) => join(outdir, `${name}.cjs`);
const MAIN = "export * from './dist/cli/main.js';";

mkdirSync(outdir, { recursive: true });
// Whatever Node made them: each of them says that the bundles are its own.
for (const file of readdirSync(outdir)) if (file.endsWith('.cache')) rmSync(join(outdir, file));
syncDirectory(outdir);
await build(execaOptions(fileOf('execa')));
await withWarmUp(async (warmUp) => {
  const hot = await findHot(warmUp);
  await buildRead(hot);
  await build(commandLineOptions(fileOf('main'), MAIN));
  const read = runRead(false);
  await warmUp(read.exports, 'read');
  writeCache('read', read);
  writeCache('cold', runCold(read.exports.hot, false));
  const execa = runExeca(false);
  const main = runMain(false);
  await warmUp(main.exports, 'change');
  writeCache('execa', execa);
  writeCache('main', main);
});

/** What commands that read use: our files, found by making all of them tell, and the packages that those import. */
async function findHot(warmUp) {
  // Besides what starts them: what the warm-up replaces (our in- and outputs), and what names the paths of volumes that it
  // does not have.
  const files = new Set([
    'cli/main.js',
    'cli/io.js',
    'adapters/driver-btrfs/index.js',
    'adapters/driver-btrfs/place.js',
  ]);
  const tell = 'tellUse';
  globalThis[tell] = (file) => files.add(file);
  await build(commandLineOptions(fileOf('read'), MAIN, [tellingOnUse(dist, tell, TEXT)]));
  await warmUp(runRead(false).exports, 'read');
  delete globalThis[tell];
  // Of each there must be one, since errors are told by their class.
  const packages = [sqlitePackage, 'commander'];
  return { files, packages };
}

/** read.cjs and cold.cjs, which ask for each other's modules. */
async function buildRead({ files, packages }) {
  const names = new Map([...files].map((file) => [file, `./dist/${file}`]));
  for (const name of packages) names.set(name, name);
  const hot = new Set(names.keys());
  const asked = new Set();
  const cold = coldElsewhere(dist, hot, asked);
  await build(commandLineOptions(fileOf('read'), `${MAIN} export const hot = ${thunks(names)};`, [cold]));
  const wanted = new Map([...asked].map((file) => [file, `./dist/${file}`]));
  await build(commandLineOptions(fileOf('cold'), `export const cold = ${thunks(wanted)};`, [hotElsewhere(dist, hot)]));
}

/** An object with a function for each name, which loads a module. */
function thunks(names) {
  const each = [...names].map(([name, path]) => `${JSON.stringify(name)}: () => require(${JSON.stringify(path)})`);
  return `{ ${each.join(', ')} }`;
}

function writeCache(name, { script }) {
  writeDurably(cacheOf(fileOf(name)), script.createCachedData());
}

/** Node believes a cache whose length is right, so half of one must never stand under its name. */
function writeDurably(file, bytes) {
  const descriptor = openSync(`${file}.new`, 'w');
  try {
    writeFileSync(descriptor, bytes);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(`${file}.new`, file);
}

/** A cache that comes back after a power loss must not meet another bundle. */
function syncDirectory(directory) {
  const descriptor = openSync(directory, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}
