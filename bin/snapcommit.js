#!/bin/sh
':' /* To a shell this is a command that does nothing, to Node an unused string and a comment: the shell starts Node.
# Where NODE_EXTRA_CA_CERTS is set, Node 20 reads all of those certificates before anything else, which doubles the time
# that it takes to start. Nothing here asks them (members of a cluster trust its own authority alone), but a hook may.
if [ -n "$NODE_EXTRA_CA_CERTS" ]; then
  export SNAPCOMMIT_NODE_EXTRA_CA_CERTS="$NODE_EXTRA_CA_CERTS"
  unset NODE_EXTRA_CA_CERTS
fi
exec node "$0" "$@"
*/
// Loads dist/cli/main: from a one-file bundle with V8's code cache where scripts/bundle.mjs has made them since the last
// compilation, otherwise module by module. A cache of another V8 is refused by V8 itself; a bundle that was made by a Node
// with another binary interface is left alone, since native parts of that one are joined to it. All of it stands in this
// file, since finding another one takes Node a millisecond.
'use strict';
const { readFileSync, statSync } = require('node:fs');
const { join } = require('node:path');
const vm = require('node:vm');

const dist = join(__dirname, '..', 'dist');
const bundle = join(dist, 'bundle');

/** Beside the bundle of that name, of this Node. */
function cacheOf(filename) {
  return `${filename}.${process.versions.modules}.cache`;
}

/** The bundle (one function expression, all ASCII) of that name: its exports, and the script for making its cache. */
function runBundle(name, ask, usesCache = true) {
  const filename = join(bundle, `${name}.cjs`);
  const cachedData = usesCache ? readCache(filename) : undefined;
  const script = new vm.Script(readFileSync(filename, 'latin1'), { filename, cachedData });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, ask, module, filename, bundle);
  return { exports: module.exports, script };
}

function readCache(filename) {
  try {
    return readFileSync(cacheOf(filename));
  } catch {
    return undefined;
  }
}

/** The whole command line. */
function runMain(usesCache) {
  return runBundle('main', fromBundle, usesCache);
}

/** The part of it that reads; it asks for the rest as `cold:NAME`, which asks for what both have as `hot:NAME`. */
function runRead(usesCache) {
  let cold;
  const read = runBundle(
    'read',
    (name) => {
      if (!name.startsWith('cold:')) return fromBundle(name);
      cold ??= runCold(read.exports.hot, usesCache).exports.cold;
      return cold[name.slice('cold:'.length)]();
    },
    usesCache,
  );
  return read;
}

function runCold(hot, usesCache) {
  const ask = (name) => (name.startsWith('hot:') ? hot[name.slice('hot:'.length)]() : fromBundle(name));
  return runBundle('cold', ask, usesCache);
}

let execa;

/** What runs other programs; the others ask for it when they do. */
function runExeca(usesCache) {
  execa ??= runBundle('execa', require, usesCache);
  return execa;
}

/** As require() in dist/bundle. What is no file there is found from here as well. */
function fromBundle(name) {
  if (name === './execa.cjs') return runExeca(true).exports;
  return require(name.startsWith('.') ? join(bundle, name) : name);
}

/** What members of a cluster and machines that are set up run is in no bundle. A group of that name is only served more slowly. */
function isLeftOut(words) {
  return ['daemon', 'cluster', 'install-units'].some((word) => words.includes(word));
}

/** A guess: both can do everything, and the wrong one is only slower. */
function reads(words) {
  return words.includes('status') || words.includes('open');
}

/** The newest of the bundles' files is written last. */
function isFresh() {
  try {
    return statSync(cacheOf(join(bundle, 'main.cjs'))).mtimeMs >= statSync(join(dist, '.tsbuildinfo')).mtimeMs;
  } catch {
    return false;
  }
}

function start() {
  const certificates = process.env.SNAPCOMMIT_NODE_EXTRA_CA_CERTS;
  if (certificates !== undefined) {
    process.env.NODE_EXTRA_CA_CERTS = certificates;
    delete process.env.SNAPCOMMIT_NODE_EXTRA_CA_CERTS;
  }
  // Snapshots of many volumes are made in parallel on libuv's threads; its default of 4 would queue them. The number is read
  // when the first work is queued, and is none of the commands that we start. Threads take time to start, so only those that
  // make snapshots get them.
  const snapshotting = ['commit', 'transact', 'restore', 'recover'];
  if (process.env.UV_THREADPOOL_SIZE === undefined && snapshotting.some((word) => process.argv.includes(word))) {
    process.env.UV_THREADPOOL_SIZE = '16';
    require('node:fs').stat('/', () => undefined);
    delete process.env.UV_THREADPOOL_SIZE;
  }
  if (!isFresh() || isLeftOut(process.argv)) void import('../dist/cli/main.js').then((main) => main.start());
  else (reads(process.argv) ? runRead(true) : runMain(true)).exports.start();
}

if (require.main === module) start();
else module.exports = { runMain, runRead, runCold, runExeca, cacheOf };
