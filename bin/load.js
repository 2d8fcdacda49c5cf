'use strict';
// Loads dist/cli/main: from the one-file bundle with V8's code cache where scripts/bundle.mjs has made them since the last
// compilation (a third of the start-up time), otherwise module by module. A cache of another V8 is refused by V8 itself.
const { readFileSync, statSync } = require('node:fs');
const { createRequire } = require('node:module');
const { dirname, join } = require('node:path');
const vm = require('node:vm');

const dist = join(__dirname, '..', 'dist');
const bundle = join(dist, 'bundle', 'main.cjs');

/** Hands the exports of dist/cli/main to `use`. */
function load(use) {
  if (isFresh() && !isLeftOut(process.argv)) use(runBundle(readCache(kindOf(process.argv))).exports);
  else void import('../dist/cli/main.js').then(use);
}

/** The bundle (one function expression, all ASCII), run: its exports, and the script for making its cache. */
function runBundle(cachedData) {
  const script = new vm.Script(readFileSync(bundle, 'latin1'), { filename: bundle, cachedData });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(bundle), module, bundle, dirname(bundle));
  return { exports: module.exports, script };
}

/** What members of a cluster and machines that are set up run is not in the bundle. A group of that name is only served more slowly. */
function isLeftOut(words) {
  return ['daemon', 'cluster', 'install-units'].some((word) => words.includes(word));
}

function isFresh() {
  try {
    return statSync(bundle).mtimeMs >= statSync(join(dist, '.tsbuildinfo')).mtimeMs;
  } catch {
    return false;
  }
}

/** Whose compiled code is wanted: a guess, since a wrong cache is only a slower one. */
function kindOf(words) {
  return words.includes('status') || words.includes('open') ? 'read' : 'change';
}

function cacheFile(kind) {
  return `${bundle}.${kind}.cache`;
}

function readCache(kind) {
  try {
    return readFileSync(cacheFile(kind));
  } catch {
    return undefined;
  }
}

module.exports = { load, runBundle, cacheFile };
