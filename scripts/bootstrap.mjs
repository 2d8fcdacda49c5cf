#!/usr/bin/env node
// Makes a bare Debian 12 machine with Node and npm ready: Debian packages, npm packages, the build.
// Does only what is missing, and says on stderr what it does. Plain Node: nothing may be installed before it.
//
//   node scripts/bootstrap.mjs [--packages required|wanted|none] [--tests]
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cacheOf } from '../bin/snapcommit.js';
import { digestOf, filesBelow, fingerprint, removeOrphans, root, textOf } from './lib/files.mjs';
import { hasNodeApi, sqlitePackage } from './lib/sqlite.mjs';

/** What we need from Debian: each package, and the file that shows that it (or something in its place) is there. */
const RUNTIME_PACKAGES = [
  { name: 'btrfs-progs', command: 'mkfs.btrfs' },
  { name: 'libbtrfsutil1', library: 'libbtrfsutil.so.1' },
  { name: 'mount', command: 'losetup' },
  { name: 'util-linux', command: 'unshare' },
  { name: 'e2fsprogs', command: 'mkfs.ext4' },
  { name: 'strace', command: 'strace' },
  { name: 'nftables', command: 'nft' },
  { name: 'libfaketime', library: 'faketime/libfaketimeMT.so.1' },
  { name: 'iproute2', command: 'ip' },
];
/** What tests look at our work with. */
const TEST_PACKAGES = [
  { name: 'systemd', command: 'systemd-analyze' },
  { name: 'procps', command: 'kill' },
];
/** Only where npm has no ready-made binary of better-sqlite3 for this machine, and this Node does not use the one that has. */
const COMPILER_PACKAGES = [
  { name: 'gcc', command: 'gcc' },
  { name: 'g++', command: 'g++' },
  { name: 'make', command: 'make' },
  { name: 'python3', command: 'python3' },
  { name: 'libc6-dev', header: 'stdio.h' },
];

export class BootstrapError extends Error {}

/**
 * Makes the machine and the checkout ready, or throws a BootstrapError that says what to do.
 * @param {{ packages?: 'required' | 'wanted' | 'none', build?: boolean, tests?: boolean }} options `wanted`: go on without
 *   packages that cannot be installed here; `build`: compile src; `tests`: and test
 */
export function bootstrap({ packages = 'required', build = true, tests = false } = {}) {
  checkNode();
  const debian = tests ? [...RUNTIME_PACKAGES, ...TEST_PACKAGES] : RUNTIME_PACKAGES;
  if (packages !== 'none') ensurePackages(debian, packages === 'required');
  const release = takeTurn();
  try {
    ensureNodeModules();
    if (build) compile('src', 'dist');
    if (build) bundle();
    if (tests) compile('test', join('build', 'test'));
  } finally {
    release();
  }
}

/** Two that install or build into one checkout at once would spoil each other's work: the second waits for the first. */
function takeTurn() {
  const turn = join(root, '.bootstrap-turn');
  for (let waited = 0; ; waited += 1) {
    try {
      writeFileSync(turn, String(process.pid), { flag: 'wx' });
      return () => rmSync(turn, { force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const owner = Number(textOf(turn));
    if (owner > 0 && !existsSync(`/proc/${String(owner)}`)) rmSync(turn, { force: true });
    else if (waited === 0) say(`waiting for another bootstrap of this checkout (process ${String(owner)})`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  }
}

function say(text) {
  process.stderr.write(`bootstrap: ${text}\n`);
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new BootstrapError(`Node ${process.versions.node} is too old: install Node 20.19 or newer`);
}

// ---- Debian packages

function isThere(thing) {
  if (thing.command !== undefined) {
    const path = (process.env.PATH ?? '').split(delimiter);
    return [...path, '/usr/sbin', '/usr/bin', '/sbin', '/bin'].some((at) => existsSync(join(at, thing.command)));
  }
  if (thing.header !== undefined) return existsSync(join('/usr/include', thing.header));
  return libraryDirectories().some((at) => existsSync(join(at, thing.library)));
}

function libraryDirectories() {
  const plain = ['/usr/local/lib', '/usr/lib', '/lib', '/usr/lib64', '/lib64'];
  const multiarch = ['/usr/lib', '/lib']
    .filter((at) => existsSync(at))
    .flatMap((at) =>
      readdirSync(at)
        .filter((name) => name.includes('-linux-'))
        .map((name) => join(at, name)),
    );
  return [...plain, ...multiarch];
}

/** Installs those of `wanted` that are missing; where that cannot be, throws if they are `required`. */
export function ensurePackages(wanted, required) {
  const missing = wanted.filter((thing) => !isThere(thing));
  if (missing.length === 0) return;
  const names = missing.map((thing) => thing.name);
  const advice = aptAdvice(names);
  if (advice !== null) {
    if (required) throw new BootstrapError(advice);
    say(`${advice} (going on without)`);
    return;
  }
  say(`installing ${names.join(' ')}`);
  apt(['update']);
  apt(['install', '-y', '--no-install-recommends', ...names]);
  const still = missing.filter((thing) => !isThere(thing));
  if (still.length > 0) {
    throw new BootstrapError(`installed, yet not found: ${still.map((thing) => thing.name).join(' ')}`);
  }
}

/** What to tell somebody for whom we cannot install; null where we can. */
function aptAdvice(names) {
  const command = `apt-get update && apt-get install -y --no-install-recommends ${names.join(' ')}`;
  if (!isThere({ command: 'apt-get' })) {
    return `missing: what Debian has in the packages ${names.join(' ')}; install them with this system's package manager`;
  }
  if (process.getuid?.() !== 0) return `missing packages; run as root: ${command}`;
  return null;
}

function apt(args) {
  const options = ['-q', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3'];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
  for (let attempt = 1; ; attempt += 1) {
    const result = spawnSync('apt-get', [...options, ...args], { env, encoding: 'utf8' });
    if (result.status === 0) return;
    const said = `${result.stdout}${result.stderr}`;
    // The lists' lock has no time limit of its own: try again while another apt-get holds it.
    if (attempt >= 30 || !said.includes('Could not get lock')) {
      throw new BootstrapError(`apt-get ${args.join(' ')} failed:\n${said}`);
    }
    say('another apt-get is running; waiting');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5_000);
  }
}

// ---- npm packages

const sqliteBinary = hasNodeApi
  ? join(root, 'node_modules', sqlitePackage, 'lib', 'index.js')
  : join(root, 'node_modules', sqlitePackage, 'build', 'Release', 'better_sqlite3.node');

function ensureNodeModules() {
  const lock = join(root, 'package-lock.json');
  const stamp = join(root, 'node_modules', '.snapcommit-lock');
  // The binaries belong to one version of Node's binary interface, so that is part of what we compare.
  const wanted = `${existsSync(lock) ? digestOf(lock) : 'no lock'} ${process.versions.modules}`;
  if (textOf(stamp) === wanted) return;
  if (textOf(stamp) === null && installedAsLocked(lock)) {
    writeFileSync(stamp, `${wanted}\n`);
    return;
  }
  const isCompiled = !hasNodeApi && !existsSync(sqliteBinary);
  say(`installing npm packages${isCompiled ? ' (better-sqlite3 may have to be compiled: minutes)' : ''}`);
  installNodeModules(existsSync(lock) ? 'ci' : 'install');
  writeFileSync(stamp, `${existsSync(lock) ? digestOf(lock) : 'no lock'} ${process.versions.modules}\n`);
}

/** Whether somebody has run npm by hand: npm's own record of what it installed says the same as the lock. */
function installedAsLocked(lock) {
  const record = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(lock) || !existsSync(record) || !existsSync(sqliteBinary)) return false;
  const wanted = JSON.parse(readFileSync(lock, 'utf8')).packages;
  const installed = JSON.parse(readFileSync(record, 'utf8')).packages;
  return Object.entries(wanted).every(
    ([path, { version, optional, peer }]) =>
      path === '' || optional === true || peer === true || installed[path]?.version === version,
  );
}

function installNodeModules(command) {
  const args = [command, '--no-audit', '--no-fund', '--loglevel=error'];
  if (hasNodeApi) return installReadyMade(args);
  const first = npm(args);
  if (first.status === 0 && existsSync(sqliteBinary)) return;
  const missing = COMPILER_PACKAGES.filter((thing) => !isThere(thing));
  if (missing.length === 0) throw new BootstrapError(`npm ${command} failed:\n${first.output}`);
  say('no ready-made binary of better-sqlite3 for this machine: it must be compiled');
  ensurePackages(COMPILER_PACKAGES, true);
  // After a failed `ci` nothing is installed; after one that skipped the scripts only they are missing.
  const second = npm(first.status === 0 ? ['rebuild', 'better-sqlite3', '--loglevel=error'] : args);
  if (second.status !== 0 || !existsSync(sqliteBinary)) {
    throw new BootstrapError(`npm ${command} failed:\n${second.output}`);
  }
}

/** Without compiling the better-sqlite3 that this Node does not use. */
function installReadyMade(args) {
  for (const each of [
    [...args, '--ignore-scripts'],
    ['rebuild', 'koffi', 'cbor-extract', '--loglevel=error'],
  ]) {
    const { status, output } = npm(each);
    if (status !== 0) throw new BootstrapError(`npm ${each.join(' ')} failed:\n${output}`);
  }
  if (existsSync(sqliteBinary)) return;
  throw new BootstrapError(
    `npm ${args[0]} left ${sqlitePackage} out, an optional package that this Node cannot do without: try again with npm_config_omit=""`,
  );
}

function npm(args) {
  const env = { ...process.env };
  const prefix = dirname(dirname(process.execPath));
  // Node's own headers, where they came with it, save node-gyp a download.
  if (env.npm_config_nodedir === undefined && existsSync(join(prefix, 'include', 'node', 'node.h'))) {
    env.npm_config_nodedir = prefix;
  }
  const result = spawnSync('npm', args, { cwd: root, env, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (result.error !== undefined) throw new BootstrapError(`npm could not be started: ${result.error.message}`);
  return { status: result.status, output: `${result.stdout}${result.stderr}` };
}

// ---- the build

/** Compiles `sources` to `outputs` when a source was edited, added or removed since the last successful build. */
function compile(sources, outputs) {
  const stamp = join(root, outputs, '.built');
  const wanted = sourcesFingerprint(sources);
  if (textOf(stamp) === wanted) return;
  say(`building ${sources}`);
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const result = spawnSync(process.execPath, [tsc, '-b', sources], { cwd: root, encoding: 'utf8' });
  if (result.status !== 0) throw new BootstrapError(`tsc -b ${sources} failed:\n${result.stdout}${result.stderr}`);
  removeOrphans(join(root, outputs), join(root, sources));
  writeFileSync(stamp, `${wanted}\n`);
}

/** Joins the command line into single files when it was compiled since the last time (see bundle.mjs, bin/snapcommit.js). */
function bundle() {
  const made = cacheOf(join(root, 'dist', 'bundle', 'main.cjs'));
  const stamp = join(root, 'dist', 'bundle', '.bundled');
  const script = join(root, 'scripts', 'bundle.mjs');
  const makers = [
    script,
    join(root, 'bin', 'snapcommit.js'),
    ...filesBelow(join(root, 'scripts', 'bundle'), () => true),
  ];
  const wanted = `${fingerprint(makers)} ${process.versions.v8}\n`;
  const isFresh = existsSync(made) && statSync(made).mtimeMs >= statSync(join(root, 'dist/.tsbuildinfo')).mtimeMs;
  if (isFresh && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  say('bundling the command line');
  const result = spawnSync(process.execPath, [script], { cwd: root, encoding: 'utf8' });
  if (result.status !== 0) throw new BootstrapError(`${script} failed:\n${result.stdout}${result.stderr}`);
  writeFileSync(stamp, wanted);
}

function sourcesFingerprint(sources) {
  // Tests see the types of src, so an edit there may break them.
  const directories = sources === 'test' ? ['src', 'test'] : [sources];
  const files = directories.flatMap((directory) =>
    filesBelow(join(root, directory), (path) => /\.(ts|json)$/.test(path)),
  );
  const settings = ['package.json', 'tsconfig.base.json'].map((name) => join(root, name));
  return fingerprint([...files, ...settings].filter((file) => statSync(file).isFile()));
}

/** For scripts: bootstrap, or say why not and exit 1. */
export function bootstrapOrExit(options) {
  try {
    bootstrap(options);
  } catch (error) {
    if (!(error instanceof BootstrapError)) throw error;
    say(error.message);
    process.exit(1);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: { packages: { type: 'string', default: 'required' }, tests: { type: 'boolean', default: false } },
  });
  if (!['required', 'wanted', 'none'].includes(values.packages)) {
    say('--packages takes required, wanted or none');
    process.exit(2);
  }
  bootstrapOrExit(values);
}
