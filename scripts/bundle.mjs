// Joins the built command line into one file, dist/bundle/main.cjs, and keeps V8's compiled code beside it: Node loads
// that much faster than two hundred modules, and a command should answer at once. dist/ itself stays what the library, the
// tests and the two small programs that we start (the guard, the launcher) are loaded from. See bin/load.js.
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { build } from 'esbuild';
import { cacheFile, runBundle } from '../bin/load.js';
import { libraryOpeners, main as unbundled } from '../dist/cli/main.js';
import { root } from './lib/files.mjs';
import { cgroupMount } from './lib/system.mjs';

const require = createRequire(import.meta.url);
const outdir = join(root, 'dist', 'bundle');
const bundle = join(outdir, 'main.cjs');

mkdirSync(outdir, { recursive: true });
for (const kind of ['change', 'read']) rmSync(cacheFile(kind), { force: true });
syncDirectory(outdir);
const common = {
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  legalComments: 'none',
  logLevel: 'warning',
};
// An ES module, which the bundle cannot import(); few commands run other programs, so it stays out of the one file.
await build({
  ...common,
  entryPoints: [join(root, 'node_modules', 'execa', 'index.js')],
  outfile: join(outdir, 'execa.cjs'),
});
await build({
  ...common,
  entryPoints: [join(root, 'dist', 'cli', 'main.js')],
  outfile: bundle,
  minifySyntax: true,
  minifyWhitespace: true,
  // A fifth of what loading takes goes by names. A failure's trace, in which they are gone, is read with the map.
  minifyIdentifiers: true,
  sourcemap: 'external',
  // Loaded rarely, or with native parts that they find beside themselves.
  external: ['@koromix/*', '@peculiar/x509', 'better-sqlite3/build/*', 'cbor-extract', 'pino', 'prom-client', 'zod'],
  plugins: [
    {
      name: 'execa',
      setup: (own) => own.onResolve({ filter: /^execa$/ }, () => ({ path: './execa.cjs', external: true })),
    },
    {
      // What few commands load, most of them of a cluster's members: bin/load.js leaves the bundle out for them.
      name: 'members',
      setup(own) {
        own.onResolve({ filter: /^\.\// }, ({ path, importer }) =>
          importer.endsWith('/dist/daemon/doors.js') ? { path, namespace: 'members' } : undefined,
        );
        own.onLoad({ filter: /./, namespace: 'members' }, ({ path }) => ({
          contents: `throw new Error(${JSON.stringify(`${path} is not in the bundle: see bin/load.js`)});`,
        }));
      },
    },
    {
      // better-sqlite3 asks this package where its native part is, which looks in a dozen places; it is always the same one.
      name: 'bindings',
      setup(own) {
        own.onResolve({ filter: /^bindings$/ }, () => ({ path: 'bindings', namespace: 'native-part' }));
        own.onLoad({ filter: /./, namespace: 'native-part' }, () => ({
          contents: "module.exports = (name) => require('better-sqlite3/build/Release/' + name);",
        }));
      },
    },
    {
      // It patches fs against too many open files; who takes one lock file has not so many, and the patching takes time.
      name: 'graceful-fs',
      setup(own) {
        own.onResolve({ filter: /^graceful-fs$/ }, () => ({ path: 'node:fs', external: true }));
      },
    },
    {
      // It asserts once that what it was handed is a function; node:assert is much to load for that.
      name: 'signal-exit',
      setup(own) {
        own.onResolve({ filter: /^assert$/ }, ({ importer }) =>
          importer.includes('/signal-exit/') ? { path: 'assert', namespace: 'asserted-by-types' } : undefined,
        );
        own.onLoad({ filter: /./, namespace: 'asserted-by-types' }, () => ({
          contents: 'module.exports = { equal: () => undefined };',
        }));
      },
    },
    {
      // commander could run a subcommand as a program; ours has none, and loading what that takes costs every command.
      name: 'commander',
      setup: (own) =>
        own.onLoad({ filter: /\/commander\/lib\/command\.js$/ }, ({ path }) => ({ contents: withoutPrograms(path) })),
    },
    {
      // A require() that the bundler can follow, and the native part without the search for the C library that fits it.
      name: 'koffi',
      setup(own) {
        own.onLoad({ filter: /\/dist\/native\/library\.js$/ }, ({ path }) => ({
          contents: replaced(path, 'const require = createRequire(import.meta.url);', ''),
        }));
        own.onResolve({ filter: /^@koromix\/[^/]+$/ }, ({ path }) => ({ path, namespace: 'koffi-part' }));
        own.onLoad({ filter: /./, namespace: 'koffi-part' }, ({ path }) => ({
          contents: koffiPart(path),
        }));
      },
    },
  ],
  // As require(): a script with a code cache of its own cannot import().
  supported: { 'dynamic-import': false },
  // The programs that are started by file stay in dist/; so do relative places.
  // The global `performance` loads node:perf_hooks, of which only this is asked for: a time to take differences of, in ms.
  define: { 'import.meta.url': '__bundleUrl', 'performance.now': '__monotonicMs' },
  banner: {
    js: `(function(exports,require,module,__filename,__dirname){const __bundleUrl=require('node:url').pathToFileURL(__filename).href;
const __monotonicMs=()=>{const [s,ns]=process.hrtime();return s*1e3+ns/1e6};`,
  },
  footer: { js: '})' },
});
await writeCaches();

/**
 * What loading koffi's package for this platform comes down to here; elsewhere, or when it lies elsewhere by then, the
 * package itself. Looked for from koffi, whose dependency it is.
 */
function koffiPart(name) {
  const fromKoffi =
    "require('node:module').createRequire(require('node:module').createRequire(__filename).resolve('koffi'))";
  const before = new Set(Object.keys(require.cache));
  let native;
  try {
    createRequire(require.resolve('koffi'))(name);
    native = Object.keys(require.cache).find((file) => !before.has(file) && file.endsWith('.node'));
  } catch {
    // Of another platform: never asked for here.
  }
  const direct = native === undefined ? name : relative(outdir, native);
  return `try { module.exports = require(${JSON.stringify(direct)}); }
catch { module.exports = ${fromKoffi}(${JSON.stringify(name)}); }`;
}

function withoutPrograms(path) {
  return replaced(
    path,
    "const childProcess = require('node:child_process');",
    "const childProcess = { spawn: (...all) => require('node:child_process').spawn(...all) };",
  );
}

/** The text of a file with this part of it replaced, which must be there. */
function replaced(path, part, by) {
  const text = readFileSync(path, 'utf8');
  if (!text.includes(part)) throw new Error(`${path} has no \`${part}\` any more: see the plugins of bundle.mjs`);
  return text.replace(part, by);
}

/**
 * Runs the commands that must be quick once, so that what they need is in a cache as compiled code: one cache for those
 * that read, and one for the rest, since reading a cache takes time by its size.
 */
async function writeCaches() {
  const directory = mkdtempSync(join(tmpdir(), 'snapcommit-bundle-'));
  const frozen = makeCgroup();
  try {
    const state = join(directory, 'state');
    const source = join(directory, 'source');
    mkdirSync(source);
    const setUp = [
      ['init', '--node', 'warm-up'],
      ['volume', 'add', 'v', '--source', source, '--driver', 'directory'],
      ['group', 'create', 'app', '--volume', 'v'],
      ['commit', 'app'],
    ];
    if (frozen !== null) {
      const cgroup = frozen.slice(cgroupMount().length);
      setUp.push(['group', 'create', 'frozen', '--volume', 'v', '--freeze-cgroup', cgroup]);
    }
    for (const command of setUp) await runQuietly({ main: unbundled, libraryOpeners }, state, command);
    // In this order: what is compiled stays so in this process.
    await writeCache('read', state, [['status'], ['open', 'app']]);
    await writeCache('change', state, [['commit', 'app'], ...(frozen === null ? [] : [['commit', 'frozen']])]);
  } finally {
    rmSync(directory, { recursive: true, force: true });
    if (frozen !== null) rmdirSync(frozen);
  }
}

/** An empty cgroup to freeze, as writers wait for that code; null where this user may make none. */
function makeCgroup() {
  try {
    const directory = join(cgroupMount(), `snapcommit-bundle-${String(process.pid)}`);
    mkdirSync(directory);
    return directory;
  } catch {
    return null;
  }
}

async function writeCache(kind, state, commands) {
  const { exports, script } = runBundle(undefined);
  for (const command of commands) await runQuietly(exports, state, command);
  writeDurably(cacheFile(kind), script.createCachedData());
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

async function runQuietly({ main, libraryOpeners: openers }, state, command) {
  const silent = { isTTY: false, columns: 0, write: () => undefined };
  const io = { stdout: silent, stderr: silent, env: {}, cwd: root, onStop: () => () => undefined };
  const status = await main(['--state-dir', state, ...command], io, openers);
  if (status !== 0)
    throw new Error(`snapcommit ${command.join(' ')} ended with ${String(status)} while the bundle was made`);
}
